"""The VST3 in a real JUCE host: loads fast with its further buses off, plays presets and notes, obeys its gains.

Arguments: the bundle and a `.vstpreset` or nothing. Run by `cargo xtask test`.
"""

import re
import sys
import time

import numpy
from pedalboard import VST3Plugin

RATE = 48_000


def check(holds, claim):
    """Prints a claim and ends the run where it does not hold."""
    print(("ok    " if holds else "WRONG ") + claim, flush=True)
    if not holds:
        sys.exit(1)


def load(bundle, name):
    """Loads one plugin of the bundle as its users do, further buses off, and says how long that took."""
    begun = time.perf_counter()
    plugin = VST3Plugin(bundle, plugin_name=name)
    took = time.perf_counter() - begun
    print(f"      {name} loads in {took * 1000:.0f} ms, pedalboard's look at every text included")
    return plugin


def parameter(plugin, name):
    """The parameter with this name."""
    found = [parameter for parameter in plugin._parameters if parameter.name == name]
    check(len(found) == 1, f"one parameter is called {name}, of {len(plugin._parameters)}")
    return found[0]


def decibels(value):
    """The number in a parameter's own words."""
    return float(re.search(r"-?\d+(\.\d+)?", value.string_value).group())


def rms(sound):
    """Root mean square over all channels."""
    return float(numpy.sqrt(numpy.mean(numpy.square(sound, dtype=numpy.float64))))


def note(key, channel, start, end):
    """One key on one MIDI channel, in seconds."""
    return [(bytes([0x90 | channel, key, 100]), start), (bytes([0x80 | channel, key, 0]), end)]


def play(plugin, notes, seconds=1.0):
    """Renders notes from a fresh start."""
    return plugin.process(notes, duration=seconds, sample_rate=RATE, num_channels=2, reset=True)


def instrument(bundle, preset):
    """Notes sound on time, gains act, presets are taken."""
    plugin = load(bundle, "Busker")
    check(plugin.is_instrument, "Busker is an instrument")
    sound = play(plugin, note(60, 0, 0.25, 0.75))
    check(numpy.all(numpy.isfinite(sound)), "every sample is a number")
    check(rms(sound) > 1e-4, f"a note sounds, RMS {rms(sound):.4f}")
    first = int(numpy.flatnonzero(numpy.abs(sound).max(axis=0) > 0)[0])
    check(RATE // 4 <= first <= RATE // 4 + 48, f"it starts on its frame: {first - RATE // 4} frames late")

    gain = parameter(plugin, "Bus 2 Gain")  # the keyboard's bus
    before, loud = decibels(gain), rms(sound)
    gain.raw_value = gain.raw_value / 2
    soft = rms(play(plugin, note(60, 0, 0.25, 0.75)))
    change, wanted = 20 * numpy.log10(soft / loud), decibels(gain) - before
    # The first 5 ms may still ramp.
    check(abs(change - wanted) < 0.5, f"Bus 2 Gain moves the level by {change:.2f} dB, asked {wanted:.2f} dB")
    gain.raw_value = gain.raw_value * 2

    if preset:
        state = plugin.raw_state
        plugin.load_preset(preset)
        check(plugin.raw_state != state, "the .vstpreset is taken")
        other = play(plugin, note(60, 0, 0.25, 0.75))
        check(numpy.all(numpy.isfinite(other)), "it still renders after the preset")
        check(not numpy.array_equal(other, sound), "the preset's instrument sounds different")


def insert(bundle):
    """Sound passes through with the gain applied."""
    plugin = load(bundle, "Busker Insert")
    check(plugin.is_effect, "Busker Insert is an effect")
    noise = numpy.random.default_rng(1).uniform(-0.5, 0.5, (2, RATE)).astype(numpy.float32)
    through = plugin.process(noise, RATE)
    check(numpy.allclose(through, noise, atol=1e-6), "a new Insert passes sound unchanged")
    gain = parameter(plugin, "Master Gain")
    before = decibels(gain)
    gain.raw_value = gain.raw_value * 0.8
    wanted = decibels(gain) - before
    out = plugin.process(noise, RATE)[:, RATE // 2 :]
    factor = 10 ** (wanted / 20)
    worst = float(numpy.abs(out - noise[:, RATE // 2 :] * factor).max())
    # The text has two decimals, which is 0.0006 of the amplitude.
    check(worst < 2e-3, f"Master Gain applies {wanted:.2f} dB, worst error {worst:.1e}")


def main():
    """Runs both plugins."""
    bundle = sys.argv[1]
    preset = sys.argv[2] if len(sys.argv) > 2 else None
    instrument(bundle, preset)
    insert(bundle)


main()
