"""Spherical-harmonic HRIRs of the third order from the MIT KEMAR measurements.

In: the SOFA file (710 directions, 44.1 kHz). Out: one ear's sixteen responses of 320 taps (ACN, SN3D; little-endian f32,
channel after channel), and what tests hold the decoder to: interaural times and levels of 24 directions, measured.

The head is symmetric, so one ear says all. What all directions share is taken out: a delay of 40.5 frames, the colour of
the diffuse field (minimum phase, from 129 Hz to 16 kHz), and up to 1 kHz the phase. Below 129 Hz, which the loudspeaker of
the measurements did not reach, each direction keeps its level and delay. Then least squares up to 1.8 kHz, above it the
magnitude alone (Schoerkhuber, Zaunschirm, Hoeldrich, "Binaural rendering of ambisonic signals via magnitude least
squares", 2018), and gradient steps on the taps themselves, which also see the levels of octaves at ear height.
"""

import hashlib
import sys
from math import factorial

import h5py
import numpy as np

SHA256 = "2768ac841213a7ae11d1ea7fd0f25a69b39216102dc5dd913ea6ba0f0dc57e28"
RATE, LENGTH, TAPS, BEFORE, DELAY = 44100, 1024, 320, 30, 40.5
FREQUENCIES = np.fft.rfftfreq(LENGTH, 1 / RATE)
ORDERS = [order for order in range(4) for _ in range(2 * order + 1)]
FLIPS = np.array([-1 if degree < 0 else 1 for order in range(4) for degree in range(-order, order + 1)])
OCTAVES = [125, 250, 500, 1000, 2000]


def legendre(order, degree, x):
    value = np.prod(np.arange(1, 2 * degree, 2, dtype=float)) * (1 - x * x) ** (degree / 2)
    before = np.zeros_like(x)
    for n in range(degree + 1, order + 1):
        before, value = value, ((2 * n - 1) * x * value - (n + degree - 1) * before) / (n - degree)
    return value


def harmonics(azimuth, elevation):
    columns = []
    for order in range(4):
        for degree in range(-order, order + 1):
            m = abs(degree)
            norm = np.sqrt((2 - (m == 0)) * factorial(order - m) / factorial(order + m))
            around = np.sin(m * azimuth) if degree < 0 else np.cos(m * azimuth)
            columns.append(norm * legendre(order, m, np.sin(elevation)) * around)
    return np.array(columns).T


def read(path):
    with open(path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != SHA256:
            sys.exit(f"{path} is not the file that the table was made from")
    with h5py.File(path) as file:
        return file["SourcePosition"][:], file["Data.IR"][:]


def mirrored(places):
    """For each direction the one on the other side."""
    key = lambda azimuth, elevation: (round(azimuth % 360, 2), round(elevation, 1))
    index = {key(*place[:2]): number for number, place in enumerate(places)}
    return index, np.array([index.get(key(-place[0], place[1]), number) for number, place in enumerate(places)])


def areas(elevations):
    """What part of the measured sphere each direction stands for."""
    rings = np.unique(elevations)
    edges = np.radians(np.r_[-45, (rings[1:] + rings[:-1]) / 2, 90])
    weights = np.empty(len(elevations))
    for number, ring in enumerate(rings):
        on_it = elevations == ring
        weights[on_it] = (np.sin(edges[number + 1]) - np.sin(edges[number])) / on_it.sum()
    return weights / weights.sum()


def minimum_phase(magnitude):
    cepstrum = np.fft.ifft(np.log(np.r_[magnitude, magnitude[-2:0:-1]])).real
    cepstrum[1 : LENGTH // 2] *= 2
    cepstrum[LENGTH // 2 + 1 :] = 0
    return np.exp(np.fft.fft(cepstrum))[: LENGTH // 2 + 1]


def equalised(spectra, weights):
    """Spectra without what all directions share, and with a low end."""
    diffuse = np.sqrt((weights[:, None] * np.abs(spectra) ** 2).sum(0))
    colour = np.empty_like(diffuse)
    for k in range(len(diffuse)):  # a third of an octave
        low, high = int(k / 2 ** (1 / 6)), int(np.ceil(k * 2 ** (1 / 6))) + 1
        colour[k] = np.sqrt((diffuse[low:high] ** 2).mean())
    lowest, highest, delays = 3, np.argmin(abs(FREQUENCIES - 16000)), 6
    colour[:lowest], colour[highest:] = colour[lowest], colour[highest]
    spectra = spectra / minimum_phase(colour)
    common = np.angle((weights[:, None] * spectra).sum(0))
    spectra = spectra * np.exp(-1j * common * np.clip((1000 - FREQUENCIES) / 500, 0, 1))
    phase = np.angle(spectra[:, delays])
    for k in range(delays):
        spectra[:, k] = np.abs(spectra[:, max(k, lowest)]) * np.exp(1j * phase * k / delays)
    return spectra


def near_ear_height(elevation, weights, factor, width):
    favoured = weights * (1 + (factor - 1) * np.exp(-((np.degrees(elevation) / width) ** 2)))
    return favoured / favoured.sum()


def least_squares(spectra, basis, weights):
    """The first fit: a complex one up to 1.8 kHz, of magnitudes above, cross-faded by a fifth either way."""
    norms = np.sqrt([2 * order + 1 for order in ORDERS])
    basis = basis * norms
    solver = lambda w: np.linalg.solve(basis.T @ (w[:, None] * basis) + 1e-3 * np.eye(16), (basis * w[:, None]).T)
    plain, fits = solver(weights), np.zeros((16, len(FREQUENCIES)), complex)
    for k, frequency in enumerate(FREQUENCIES):
        magnitude, fit = np.abs(spectra[:, k]), plain @ spectra[:, k]
        share = np.clip((frequency - 1440) / 720, 0, 1)
        if share > 0:
            fair = weights / (magnitude + 0.05 * magnitude.max()) ** 2
            solve, magnitudes = solver(fair / fair.sum()), fits[:, k - 1]
            for _ in range(60):
                magnitudes = solve @ (magnitude * np.exp(1j * np.angle(basis @ magnitudes)))
            fit = (1 - share) * fit + share * magnitudes
        fits[:, k] = fit
    taps = np.roll(np.fft.irfft(fits * norms[:, None], LENGTH), BEFORE, axis=1)[:, :TAPS].copy()
    taps[:, :8] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    taps[:, -64:] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    return taps


def refined(taps, spectra, raw, basis, weights, level):
    """Adam's steps on the taps. `level` are the directions at ear height, each with the place of its mirror."""
    target = spectra * np.exp(-2j * np.pi * FREQUENCIES / RATE * BEFORE)
    magnitude = np.maximum(np.abs(target), 3e-3)
    by_octave = 150 / np.maximum(FREQUENCIES, 150)
    complex_weight = 10 * weights[:, None] * (np.clip((1560 - FREQUENCIES) / 520, 0, 1) * by_octave)
    middle = 1 + 6 * ((FREQUENCIES > 1300) & (FREQUENCIES < 3000))
    top = np.clip((17000 - FREQUENCIES) / 3000, 0.02, 1)
    magnitude_weight = weights[:, None] * (by_octave * middle * top)
    ring, mirrors = level
    octave = lambda centre: (int(round(centre / 2**0.5 / RATE * LENGTH)), int(round(centre * 2**0.5 / RATE * LENGTH)))
    bands = [(octave(1000), 4), (octave(2000), 30), (octave(4000), 1), ((3, 372), 4 / len(ring))]
    wanted = [np.log((raw[ring, low:high] ** 2).sum(1)) for (low, high), _ in bands]
    first, second, steps = np.zeros_like(taps), np.zeros_like(taps), 800
    for step in range(steps):
        found = basis @ np.fft.rfft(taps, LENGTH)
        size = np.abs(found) + 1e-4 * magnitude.max()
        slope = magnitude_weight * np.log(size / magnitude) * found / (size * np.maximum(np.abs(found), 1e-9))
        slope += complex_weight * (found - target) / magnitude**2
        for ((low, high), weight), goal in zip(bands, wanted):
            power = (np.abs(found[ring, low:high]) ** 2).sum(1)
            off = np.log(power) - goal
            between = off - off[mirrors]
            factor = weight / len(ring) * (between + 20 * between**3) / power
            slope[ring, low:high] += factor[:, None] * found[ring, low:high]
        slope = np.fft.irfft(basis.T @ slope, LENGTH)[:, :TAPS]
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        pace = 5e-4 * (1 + np.cos(np.pi * step / steps))
        pace /= 1 - 0.9 ** (step + 1)
        taps = taps - pace * first / (np.sqrt(second / (1 - 0.99 ** (step + 1))) + 1e-9)
    return taps


def interaural(left, right):
    """Microseconds by which the left ear is earlier, below 1.8 kHz, and decibels by which it is louder."""
    cross = np.fft.rfft(right, 4096) * np.conj(np.fft.rfft(left, 4096))
    grid = np.fft.rfftfreq(4096, 1 / RATE)
    cross = cross * np.clip((1800 - grid) / 600, 0, 1)
    lags = np.arange(-1000, 1001)
    time = lags[np.argmax((cross[None] * np.exp(2j * np.pi * grid[None] * lags[:, None] * 1e-6)).real.sum(1))]
    powers = [np.abs(np.fft.rfft(ear, 4096)) ** 2 for ear in (left, right)]
    bands = [(centre / 2**0.5, centre * 2**0.5) for centre in OCTAVES] + [(100, 16000)]
    sums = [[power[(grid >= low) & (grid < high)].sum() for low, high in bands] for power in powers]
    return time, 10 * np.log10(np.array(sums[0]) / np.array(sums[1]))


def rust(rows):
    lines = [
        "//! Written by `cargo xtask hrir`; do not edit. What the MIT KEMAR measurements say of 24 directions at ear height.",
        "",
        "/// Azimuth in degrees to the left; microseconds by which the left ear is earlier; decibels by which it is louder in the",
        "/// octaves around 125, 250, 500, 1,000 and 2,000 Hz, and from 100 Hz to 16 kHz.",
        "pub(super) const MEASURED: [(f32, f32, [f32; 6]); 24] = [",
    ]
    for azimuth, time, levels in rows:
        numbers = ", ".join(f"{level + 0.0:.2f}" for level in levels)
        lines.append(f"    ({azimuth:.1f}, {time + 0.0:.1f}, [{numbers}]),")
    return "\n".join(lines + ["];", ""])


def main(sofa, table, measured, check):
    places, responses = read(sofa)
    index, mirrors = mirrored(places)
    azimuth, elevation = np.radians(places[:, 0]), np.radians(places[:, 1])
    basis, weights = harmonics(azimuth, elevation), areas(places[:, 1])
    ears = 0.5 * (responses[:, 0] + responses[mirrors, 1])
    spectra = np.fft.rfft(ears, LENGTH) * np.exp(2j * np.pi * FREQUENCIES / RATE * DELAY)
    raw, spectra = np.abs(spectra), equalised(spectra, weights)
    ring = [number for number, place in enumerate(places) if place[1] == 0]
    level = (ring, [ring.index(mirrors[number]) for number in ring])
    taps = least_squares(spectra, basis, near_ear_height(elevation, weights, 4, 20))
    taps = refined(taps, spectra, raw, basis, near_ear_height(elevation, weights, 20, 15), level)
    rows = []
    for degrees in range(0, 360, 15):
        number = index[(float(degrees), 0.0)]
        time, levels = interaural(responses[number, 0], responses[number, 1])
        rows.append((degrees, time, levels))
        ours = interaural(basis[number] @ taps, (basis[number] * FLIPS) @ taps)
        errors = " ".join(f"{error:+.2f}" for error in ours[1] - levels)
        print(f"{degrees:3} degrees: {time:5} us {ours[0] - time:+4} us, dB {errors}")
    bytes_, text = taps.astype("<f4").tobytes(), rust(rows)
    if not check:
        open(table, "wb").write(bytes_)
        open(measured, "w").write(text)
        return
    before = np.frombuffer(open(table, "rb").read(), "<f4").reshape(16, TAPS)
    apart = np.sqrt(((before - taps) ** 2).sum() / (taps**2).sum())
    print(f"the table differs by {20 * np.log10(apart + 1e-12):.0f} dB")
    # Processors add up in other orders.
    if apart > 1e-3 or open(measured).read() != text:
        sys.exit("the HRIRs are out of date; run `cargo xtask hrir`")


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:] == ["--check"])
