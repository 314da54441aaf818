//! A bounce as a picture: waveform of each channel above, spectrogram of their mean below, as PNG.
//!
//! The spectrogram's axis is logarithmic from 30 Hz up, its brightness 90 dB deep; a thin line marks every fifth second.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use realfft::RealFftPlanner;

use crate::error::TaskError;

const WIDTH: usize = 1400;
const WAVE_HEIGHT: usize = 110;
const SPECTRUM_HEIGHT: usize = 420;
const GAP: usize = 6;
const FFT_FRAMES: usize = 4096;
const LOWEST_HZ: f64 = 30.0;
const FLOOR_DB: f64 = -90.0;

const BACKGROUND: [u8; 3] = [16, 18, 24];
const WAVE: [u8; 3] = [94, 201, 168];
const GRID: [u8; 3] = [58, 62, 74];

/// Colours from the floor to full scale, evenly spaced.
const RAMP: [[f64; 3]; 5] = [
    [16.0, 18.0, 24.0],
    [52.0, 38.0, 120.0],
    [170.0, 50.0, 120.0],
    [244.0, 140.0, 60.0],
    [255.0, 250.0, 200.0],
];

/// An 8-bit RGB image.
pub struct Image {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Image {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: BACKGROUND.repeat(width * height) }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        let at = (y * self.width + x) * 3;
        if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
            pixel.copy_from_slice(&colour);
        }
    }

    /// This image with another of the same size to its right.
    pub fn beside(&self, other: &Self) -> Self {
        let row =
            |image: &Self, y: usize| image.pixels[y * image.width * 3..(y + 1) * image.width * 3].to_vec();
        let rows = (0..self.height.min(other.height)).flat_map(|y| [row(self, y), row(other, y)]);
        Self {
            width: self.width + other.width,
            height: self.height.min(other.height),
            pixels: rows.flatten().collect(),
        }
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), TaskError> {
        let target = File::create(file).map_err(TaskError::file(file))?;
        let failed = |source| TaskError::Png { file: file.to_owned(), source };
        let mut encoder = png::Encoder::new(BufWriter::new(target), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels)).map_err(failed)
    }
}

/// Draws the planes of one bus.
pub fn draw(planes: &[Vec<f32>], rate: f64) -> Image {
    let waves = planes.len() * (WAVE_HEIGHT + GAP);
    let mut image = Image::new(WIDTH, waves + SPECTRUM_HEIGHT);
    for (channel, plane) in planes.iter().enumerate() {
        draw_wave(&mut image, plane, channel * (WAVE_HEIGHT + GAP));
    }
    draw_spectrum(&mut image, &mean(planes), rate, waves);
    let frames = planes.first().map_or(0, Vec::len);
    for second in (0..).map(|mark| f64::from(mark) * 5.0).take_while(|second| second * rate < frames as f64) {
        let x = (second * rate / frames as f64 * WIDTH as f64) as usize;
        (0..image.height).step_by(3).for_each(|y| image.set(x, y, GRID));
    }
    image
}

fn mean(planes: &[Vec<f32>]) -> Vec<f32> {
    let frames = planes.first().map_or(0, Vec::len);
    let share = 1.0 / planes.len().max(1) as f32;
    (0..frames).map(|frame| planes.iter().filter_map(|plane| plane.get(frame)).sum::<f32>() * share).collect()
}

fn draw_wave(image: &mut Image, plane: &[f32], top: usize) {
    let middle = WAVE_HEIGHT as f32 / 2.0;
    for x in 0..WIDTH {
        let column = &plane[plane.len() * x / WIDTH..plane.len() * (x + 1) / WIDTH];
        let (low, high) = column.iter().fold((0.0f32, 0.0f32), |(low, high), &s| (low.min(s), high.max(s)));
        let y = |sample: f32| (middle - sample.clamp(-1.0, 1.0) * (middle - 1.0)) as usize;
        (y(high)..=y(low)).for_each(|y| image.set(x, top + y, WAVE));
    }
}

fn draw_spectrum(image: &mut Image, plane: &[f32], rate: f64, top: usize) {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT_FRAMES);
    let (mut input, mut bins) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let hann = |i: usize| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / FFT_FRAMES as f32).cos();
    let top_hz = (rate / 2.0).min(20_000.0);
    for x in 0..WIDTH {
        let centre = plane.len() * x / WIDTH;
        for (i, value) in input.iter_mut().enumerate() {
            let frame = (centre + i).checked_sub(FFT_FRAMES / 2);
            *value = hann(i) * frame.and_then(|frame| plane.get(frame)).copied().unwrap_or(0.0);
        }
        // Lengths come from the plan itself, so this cannot fail.
        if fft.process_with_scratch(&mut input, &mut bins, &mut scratch).is_err() {
            return;
        }
        for y in 0..SPECTRUM_HEIGHT {
            let octave = 1.0 - y as f64 / SPECTRUM_HEIGHT as f64;
            let hz = LOWEST_HZ * (top_hz / LOWEST_HZ).powf(octave);
            let bin = (hz * FFT_FRAMES as f64 / rate).round() as usize;
            // A full-scale sine under a Hann window has magnitude N/4.
            let magnitude = bins.get(bin).map_or(0.0, |bin| f64::from(bin.norm()) * 4.0 / FFT_FRAMES as f64);
            image.set(x, top + y, colour_of(20.0 * magnitude.log10()));
        }
    }
}

fn colour_of(level_db: f64) -> [u8; 3] {
    let place = ((level_db - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (place as usize).min(RAMP.len() - 2);
    let part = place - below as f64;
    std::array::from_fn(|i| (RAMP[below][i] + part * (RAMP[below + 1][i] - RAMP[below][i])) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_is_brightest_in_the_row_of_its_frequency() {
        let sine: Vec<f32> =
            (0..48_000).map(|i| (std::f32::consts::TAU * 1000.0 * i as f32 / 48_000.0).sin()).collect();
        let image = draw(&[sine], 48_000.0);
        let top = WAVE_HEIGHT + GAP;
        let brightness = |y: usize| -> u32 {
            let at = ((top + y) * WIDTH + WIDTH / 2) * 3;
            image.pixels[at..at + 3].iter().map(|&part| u32::from(part)).sum()
        };
        let brightest = (0..SPECTRUM_HEIGHT).max_by_key(|&y| brightness(y)).unwrap();
        let hz = LOWEST_HZ * (20_000.0 / LOWEST_HZ).powf(1.0 - brightest as f64 / SPECTRUM_HEIGHT as f64);
        assert!((950.0..1050.0).contains(&hz), "{hz} Hz");
    }
}
