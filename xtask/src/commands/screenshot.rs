//! `cargo xtask screenshot`: opens the editor of a bundled plugin in a virtual X server and writes a PNG of each page.
//!
//! Pages are turned as a user does it, by Ctrl and Page Down.
//! The picture is taken by a child process, since only a fresh process can be given its display, and an editor that
//! crashes must not take the command with it. The plugin plays meanwhile, so that meters and position move; a song that is
//! dropped into the editor must then be heard.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::AtomEnum;
use x11rb::protocol::xproto::ConfigureWindowAux;
use x11rb::protocol::xproto::ConnectionExt;
use x11rb::protocol::xproto::CreateWindowAux;
use x11rb::protocol::xproto::ImageFormat;
use x11rb::protocol::xproto::InputFocus;
use x11rb::protocol::xproto::KEY_PRESS_EVENT;
use x11rb::protocol::xproto::KEY_RELEASE_EVENT;
use x11rb::protocol::xproto::PropMode;
use x11rb::protocol::xproto::WindowClass;
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::bounce::state_of;
use crate::cost;
use crate::drag::Drag;
use crate::error::TaskError;
use crate::host::Audio;
use crate::host::Block;
use crate::host::Direction;
use crate::host::Format;
use crate::host::HostError;
use crate::host::PluginHost;
use crate::host::Processor;
use crate::host::Setup;
use crate::host::Transport;
use crate::host::open;
use crate::paths;
use crate::picture::Image;
use crate::tools;
use crate::tour;

#[derive(Args)]
pub struct Arguments {
    /// The bundle; the CLAP under target/bundled without it.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// Name or id of the plugin inside the bundle; the first without it.
    #[arg(long)]
    name: Option<String>,
    /// A module (CLAP) or `.vstpreset` (VST3) to show.
    #[arg(long)]
    song: Option<PathBuf>,
    /// The picture of the first page.
    #[arg(short, long)]
    output: PathBuf,
    /// What to call the picture of the next page: `editor-NAME.png` beside `editor.png`; once for each page.
    #[arg(long)]
    page: Vec<String>,
    /// How long the editor is open before the picture is taken.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often the editor is opened, resized and closed before, while the plugin plays.
    #[arg(long, default_value_t = 0)]
    visits: usize,
    /// A song to drop into the editor, which must be heard then; `editor-drop.png` shows it over the editor.
    #[arg(long)]
    drop: Option<PathBuf>,
    /// Shows a rack that has something on every page, all of them.
    #[arg(long, conflicts_with_all = ["song", "page"])]
    tour: bool,
    /// For how long it is measured what the editor costs without its window and on each page; not at all without it.
    #[arg(long, default_value_t = 0.0)]
    cost: f64,
    /// How many pixels of the display are one of the editor's.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Draws as with a graphics card: by Mesa's OpenGL, which then does not say that it is made of software.
    #[arg(long)]
    card: bool,
    /// Uses the display that is there.
    #[arg(long, hide = true)]
    here: bool,
}

/// Symbols of keys, from X11's `keysymdef.h`.
const CONTROL: u32 = 0xffe3;
const PAGE_DOWN: u32 = 0xff56;

/// The pages after the first, in the editor's order.
const PAGES: [&str; 7] = ["song", "machines", "instruments", "voices", "space", "inputs", "recorder"];
/// The smallest editor that is asked for.
const LEAST_SIZE: (u16, u16) = (640, 360);
/// How long a page is in front before its picture is taken.
const PAGE_SECONDS: f64 = 1.0;
/// What is softer is not heard.
const SILENCE: f32 = 1e-4;
/// How long it may take until a dropped song is heard.
const SONG_SECONDS: u64 = 20;

impl Arguments {
    /// Every page of the editor of the bundle's first plugin.
    pub(super) fn of(bundle: PathBuf, output: PathBuf) -> Self {
        Self {
            plugin: Some(bundle),
            name: None,
            song: None,
            output,
            page: Vec::new(),
            seconds: 3.0,
            visits: 100,
            drop: Some(paths::root().join("src/rack/demo.it")),
            tour: true,
            cost: 4.0,
            scale: 1.0,
            card: false,
            here: false,
        }
    }

    /// Two pages, as graphics cards draw them.
    pub(super) fn by_card(bundle: PathBuf, output: PathBuf) -> Self {
        let page = vec!["song".to_owned()];
        Self { page, visits: 20, drop: None, tour: false, cost: 0.0, card: true, ..Self::of(bundle, output) }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    if arguments.here {
        return photograph(arguments);
    }
    tools::ensure("Xvfb", || tools::on_path("Xvfb"), &["xvfb", "libgl1", "libgl1-mesa-dri"])?;
    let mut server = Server::start()?;
    let program = std::env::current_exe().map_err(TaskError::file("xtask"))?;
    let mut child = Command::new(program);
    let plugin = arguments.plugin.clone().unwrap_or_else(|| paths::bundle(Format::Clap));
    child.args(["screenshot", "--here", "--seconds", &arguments.seconds.to_string()]);
    child.args(["--visits", &arguments.visits.to_string(), "--cost", &arguments.cost.to_string()]);
    child.args(["--scale", &arguments.scale.to_string()]);
    child.arg("--plugin").arg(absolute(&plugin)?).arg("--output").arg(absolute(&arguments.output)?);
    if let Some(name) = &arguments.name {
        child.args(["--name", name]);
    }
    child.args(arguments.page.iter().flat_map(|page| ["--page", page]));
    if let Some(song) = &arguments.song {
        child.arg("--song").arg(absolute(song)?);
    }
    if let Some(song) = &arguments.drop {
        child.arg("--drop").arg(absolute(song)?);
    }
    if arguments.tour {
        tour::live(child.arg("--tour"))?;
    }
    if arguments.card {
        child.env("force_gl_renderer", "card");
    }
    let done = tools::run(child.env("DISPLAY", &server.display));
    server.stop();
    done
}

fn absolute(path: &PathBuf) -> Result<PathBuf, TaskError> {
    std::path::absolute(path).map_err(TaskError::file(path))
}

/// A virtual X server of our own.
struct Server {
    process: Child,
    display: String,
}

impl Server {
    /// Starts Xvfb on a display number that it picks itself.
    fn start() -> Result<Self, TaskError> {
        let mut process = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "2560x1600x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(TaskError::file("Xvfb"))?;
        let mut number = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut number).map_err(TaskError::file("Xvfb"))?;
        }
        if number.trim().is_empty() {
            return Err(TaskError::Window("Xvfb did not name its display".to_owned()));
        }
        Ok(Self { process, display: format!(":{}", number.trim()) })
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn window_error(error: impl std::fmt::Display) -> TaskError {
    TaskError::Window(error.to_string())
}

/// Opens the editor on the display of this process.
fn photograph(arguments: &Arguments) -> Result<(), TaskError> {
    let file = arguments.plugin.clone().unwrap_or_else(|| paths::bundle(Format::Clap));
    let bundle = open(&file)?;
    let first = bundle.plugins()?.into_iter().next().ok_or(HostError::Missing("plugin"))?;
    let instantiate = || bundle.instantiate(arguments.name.as_deref().unwrap_or(&first.name));
    let mut host = instantiate()?;
    let mut other = (arguments.visits > 0).then(instantiate).transpose()?;
    if let Some(song) = &arguments.song {
        host.load_preset(song)?;
    }
    let tour = arguments.tour.then(|| state_of(&tour::rack()?, host.format())).transpose()?;
    // Where nothing else is to be heard before, it is there from the start.
    let (from_start, tour) = if arguments.drop.is_some() { (None, tour) } else { (tour, None) };
    if let Some(state) = from_start {
        host.load_state(&state)?;
    }
    let (connection, window) = open_window(arguments.scale)?;
    let ears = Ears::default();
    play_while_open(&mut *host, &ears, |host| {
        visit_often(host, &connection, window, arguments.visits)?;
        if let Some(other) = &mut other {
            must_come_back(host, &mut **other, &connection, window)?;
        }
        let begun = Instant::now();
        let size = open_editor(host, &connection, window)?;
        println!("editor of {} x {} opened in {} ms", size.0, size.1, begun.elapsed().as_millis());
        let visit = Visit { connection: &connection, window, size };
        let dropped = arguments.drop.iter().try_for_each(|song| visit.drop(host, song, &ears, arguments));
        let photographed = dropped.and_then(|()| visit.photograph_pages(host, arguments, tour.as_deref()));
        host.close_editor();
        photographed?;
        if arguments.cost > 0.0 {
            tell_costs(host, &connection, window, arguments)?;
        }
        Ok(())
    })
}

/// Opens the editor and brings its window to the same size.
fn open_editor(
    host: &mut dyn PluginHost,
    connection: &RustConnection,
    window: u32,
) -> Result<(u16, u16), TaskError> {
    let size = host.open_editor(window)?;
    resize(connection, window, size)?;
    Ok(size)
}

/// Prints what the open editor costs on each page beyond what the plugin costs without its window.
fn tell_costs(
    host: &mut dyn PluginHost,
    connection: &RustConnection,
    window: u32,
    arguments: &Arguments,
) -> Result<(), TaskError> {
    let measure = |host: &mut dyn PluginHost| {
        cost::measure(connection, window, arguments.cost, || {
            host.idle();
            std::thread::sleep(Duration::from_millis(5));
        })
    };
    wait(host, PAGE_SECONDS);
    let before = measure(host)?;
    let size = open_editor(host, connection, window)?;
    let visit = Visit { connection, window, size };
    visit.park_pointer()?;
    let pages = std::iter::once("mixer").chain(PAGES);
    let measured = pages.enumerate().map(|(turns, page)| {
        if turns > 0 {
            visit.turn_page()?;
        }
        wait(host, PAGE_SECONDS);
        Ok((page, measure(host)?))
    });
    let measured: Result<Vec<_>, TaskError> = measured.collect();
    host.close_editor();
    wait(host, PAGE_SECONDS);
    // What plays is not always the same work.
    let closed = (before.load + measure(host)?.load) / 2.0;
    println!("without a window {:.1} % of a core", 100.0 * closed);
    for (page, open) in measured? {
        let more = 100.0 * (open.load - closed);
        println!("  {page:<12} {more:5.1} % of a core more, {:.1} pictures a second", open.pictures);
    }
    Ok(())
}

fn resize(connection: &RustConnection, window: u32, (width, height): (u16, u16)) -> Result<(), TaskError> {
    let size = ConfigureWindowAux::new().width(u32::from(width)).height(u32::from(height));
    connection.configure_window(window, &size).map_err(window_error)?;
    connection.flush().map_err(window_error)
}

/// Opens, resizes and closes the editor as often as that, each time after another while; the size that it had comes back.
fn visit_often(
    host: &mut dyn PluginHost,
    connection: &RustConnection,
    window: u32,
    visits: usize,
) -> Result<(), TaskError> {
    for (visit, share) in (0..visits).zip([1.0f32, 0.7, 1.2, 0.5, 0.9].into_iter().cycle()) {
        let (width, height) = open_editor(host, connection, window)?;
        wait(host, 0.01 * (visit % 8) as f64);
        let scaled = |side: u16| (f32::from(side) * share) as u16;
        let size = (scaled(width).max(LEAST_SIZE.0), scaled(height).max(LEAST_SIZE.1));
        host.resize_editor(size)?;
        resize(connection, window, size)?;
        wait(host, 0.01 * (visit % 5) as f64);
        host.resize_editor((width, height))?;
        host.close_editor();
    }
    if visits > 0 {
        println!("opened, resized and closed {visits} times while it played");
    }
    Ok(())
}

/// The size of the editor comes back in another instance that takes the state.
fn must_come_back(
    host: &mut dyn PluginHost,
    other: &mut dyn PluginHost,
    connection: &RustConnection,
    window: u32,
) -> Result<(), TaskError> {
    let (first, chosen) = (open_editor(host, connection, window)?, (1000, 600));
    host.resize_editor(chosen)?;
    resize(connection, window, chosen)?;
    wait(host, PAGE_SECONDS);
    let state = host.save_state()?;
    host.resize_editor(first)?;
    wait(host, PAGE_SECONDS);
    host.close_editor();
    other.load_state(&state)?;
    let found = other.open_editor(window)?;
    other.close_editor();
    if found != chosen {
        return Err(TaskError::Claim(format!("an editor of {chosen:?} came back with {found:?}")));
    }
    Ok(())
}

/// An open editor.
struct Visit<'a> {
    connection: &'a RustConnection,
    window: u32,
    size: (u16, u16),
}

impl Visit<'_> {
    /// Drags a song over the editor while another is silent, photographs that, lets it go and listens.
    fn drop(
        &self,
        host: &mut dyn PluginHost,
        song: &Path,
        ears: &Ears,
        arguments: &Arguments,
    ) -> Result<(), TaskError> {
        let silence = paths::target().join("silence.mod");
        std::fs::write(&silence, silent_module()).map_err(TaskError::file(&silence))?;
        host.load_preset(&silence)?;
        self.park_pointer()?;
        ears.hushed.store(true, Relaxed);
        wait(host, arguments.seconds);
        ears.peak.store(0, Relaxed);
        let drag = Drag::over(self.connection, self.window, song, || {
            host.idle();
        })?;
        wait(host, PAGE_SECONDS);
        self.photograph(&named(&arguments.output, "drop"))?;
        if ears.hear() {
            return Err(TaskError::Claim("something sounds before a song is dropped".to_owned()));
        }
        drag.drop(|| {
            host.idle();
        })?;
        let dropped = Instant::now();
        while !ears.hear() {
            if dropped.elapsed().as_secs() > SONG_SECONDS {
                return Err(TaskError::Claim(format!("{} was dropped, but is not heard", song.display())));
            }
            wait(host, 0.01);
        }
        println!("heard {} {} ms after it was dropped", song.display(), dropped.elapsed().as_millis());
        ears.hushed.store(false, Relaxed);
        Ok(())
    }

    /// Those of a state, where there is one.
    fn photograph_pages(
        &self,
        host: &mut dyn PluginHost,
        arguments: &Arguments,
        tour: Option<&[u8]>,
    ) -> Result<(), TaskError> {
        if let Some(tour) = tour {
            host.load_state(tour)?;
        }
        self.park_pointer()?;
        wait(host, arguments.seconds);
        let mut last = self.photograph(&arguments.output)?;
        let named_pages = arguments.page.iter().map(String::as_str);
        for page in named_pages.chain(PAGES.into_iter().filter(|_| arguments.tour)) {
            self.turn_page()?;
            wait(host, PAGE_SECONDS);
            let picture = self.photograph(&named(&arguments.output, page))?;
            if picture.pixels == last.pixels {
                return Err(TaskError::Claim(format!("no page {page} came to the front")));
            }
            last = picture;
        }
        Ok(())
    }

    fn photograph(&self, output: &Path) -> Result<Image, TaskError> {
        let image = grab(self.connection, self.window, self.size)?;
        image.save(output)?;
        println!("wrote {}", output.display());
        Ok(image)
    }

    /// Puts the pointer into the corner, where nothing lies, and has the editor hear the keys.
    fn park_pointer(&self) -> Result<(), TaskError> {
        let focus = self.connection.set_input_focus(InputFocus::PARENT, self.window, x11rb::CURRENT_TIME);
        focus.map_err(window_error)?;
        let (x, y) = (self.size.0 as i16 - 1, self.size.1 as i16 - 1);
        let parked = self.connection.warp_pointer(x11rb::NONE, self.window, 0, 0, 0, 0, x, y);
        parked.map_err(window_error)?;
        self.connection.flush().map_err(window_error)
    }

    /// Presses and releases Ctrl and Page Down.
    fn turn_page(&self) -> Result<(), TaskError> {
        let (control, page_down) = (self.key(CONTROL)?, self.key(PAGE_DOWN)?);
        for (kind, key) in [
            (KEY_PRESS_EVENT, control),
            (KEY_PRESS_EVENT, page_down),
            (KEY_RELEASE_EVENT, page_down),
            (KEY_RELEASE_EVENT, control),
        ] {
            let sent = self.connection.xtest_fake_input(kind, key, x11rb::CURRENT_TIME, x11rb::NONE, 0, 0, 0);
            sent.map_err(window_error)?;
        }
        self.connection.flush().map_err(window_error)
    }

    /// The key that gives a symbol.
    fn key(&self, symbol: u32) -> Result<u8, TaskError> {
        let setup = self.connection.setup();
        let (first, count) = (setup.min_keycode, setup.max_keycode - setup.min_keycode + 1);
        let map = self.connection.get_keyboard_mapping(first, count).map_err(window_error)?;
        let map = map.reply().map_err(window_error)?;
        let mut keys = map.keysyms.chunks(usize::from(map.keysyms_per_keycode).max(1));
        let place = keys.position(|symbols| symbols.contains(&symbol));
        place.map(|place| first + place as u8).ok_or_else(|| window_error("a key is missing"))
    }
}

/// A MOD of one empty pattern.
fn silent_module() -> Vec<u8> {
    let mut bytes = vec![0; 1084 + 1024];
    bytes[950] = 1; // orders
    bytes[1080..1084].copy_from_slice(b"M.K.");
    bytes
}

/// The file of a further picture: `editor-NAME.png` beside `editor.png`.
fn named(output: &Path, name: &str) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}-{name}.png"))
}

/// Serves the editor for a while.
fn wait(host: &mut dyn PluginHost, seconds: f64) {
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < seconds {
        host.idle();
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn open_window(scale: f64) -> Result<(RustConnection, u32), TaskError> {
    let (connection, screen) = x11rb::connect(None).map_err(window_error)?;
    let screen = &connection.setup().roots[screen];
    // Where windows look for it.
    let resources = format!("Xft.dpi:\t{}\n", (96.0 * scale).round());
    connection
        .change_property8(
            PropMode::REPLACE,
            screen.root,
            AtomEnum::RESOURCE_MANAGER,
            AtomEnum::STRING,
            resources.as_bytes(),
        )
        .map_err(window_error)?;
    let window = connection.generate_id().map_err(window_error)?;
    let options = CreateWindowAux::new().background_pixel(screen.black_pixel);
    connection
        .create_window(
            screen.root_depth,
            window,
            screen.root,
            0,
            0,
            screen.width_in_pixels,
            screen.height_in_pixels,
            0,
            WindowClass::INPUT_OUTPUT,
            screen.root_visual,
            &options,
        )
        .map_err(window_error)?;
    connection.map_window(window).map_err(window_error)?;
    connection.flush().map_err(window_error)?;
    Ok((connection, window))
}

/// What the thread that plays hears, and is told to play.
#[derive(Default)]
struct Ears {
    /// Whether the inputs are silent.
    hushed: AtomicBool,
    /// Bits of the largest sample that has come out; those of positive numbers are in the numbers' order.
    peak: AtomicU32,
}

impl Ears {
    fn listen(&self, audio: &Audio) {
        let samples = audio.outputs.iter().flat_map(|bus| &bus.planes).flatten();
        let peak = samples.fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        self.peak.fetch_max(peak.to_bits(), Relaxed);
    }

    fn hear(&self) -> bool {
        f32::from_bits(self.peak.load(Relaxed)) > SILENCE
    }
}

/// Plays at about real speed on a thread of its own while `visit` serves the editor on this one.
fn play_while_open(
    host: &mut dyn PluginHost,
    ears: &Ears,
    visit: impl FnOnce(&mut dyn PluginHost) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let mut audio = Audio::new(&channels(host, Direction::Input), &channels(host, Direction::Output));
    let mut processor = host.activate(&Setup { max_block: 480, ..Setup::default() })?;
    let over = AtomicBool::new(false);
    let (visited, played) = std::thread::scope(|scope| {
        let audio_thread = scope.spawn(|| {
            let answer = play(&mut *processor, &mut audio, ears, &over);
            drop(processor);
            answer
        });
        let visited = visit(host);
        over.store(true, Relaxed);
        (visited, audio_thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    host.deactivate()?;
    visited?;
    Ok(played?)
}

fn channels(host: &mut dyn PluginHost, direction: Direction) -> Vec<usize> {
    host.buses(direction).iter().map(|bus| bus.channels).collect()
}

fn play(
    processor: &mut dyn Processor,
    audio: &mut Audio,
    ears: &Ears,
    over: &AtomicBool,
) -> Result<(), HostError> {
    let mut start = 0;
    while !over.load(Relaxed) {
        audio.prepare(480, 0.0);
        if !ears.hushed.load(Relaxed) {
            sound(audio, start);
        }
        let seconds = start as f64 / 48_000.0;
        let transport = Transport {
            playing: true,
            tempo: 120.0,
            beats: seconds * 2.0,
            frames: start as i64,
            seconds,
            ..Transport::default()
        };
        processor.process(
            &Block { frames: 480, start, transport: Some(&transport), bends: &[], events: &[] },
            audio,
        )?;
        ears.listen(audio);
        start += 480;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A tone of its own on every input channel, each softer than the one before, so that their meters differ.
fn sound(audio: &mut Audio, start: u64) {
    let planes = audio.inputs.iter_mut().flat_map(|bus| &mut bus.planes);
    for (number, plane) in (1u8..).zip(planes) {
        let step = std::f64::consts::TAU * 110.0 * f64::from(number) / 48_000.0;
        for (frame, sample) in (start..).zip(plane) {
            *sample = (0.6 / f64::from(number) * (step * frame as f64).sin()) as f32;
        }
    }
}

/// The window's pixels with everything inside it.
fn grab(connection: &RustConnection, window: u32, (width, height): (u16, u16)) -> Result<Image, TaskError> {
    let reply = connection
        .get_image(ImageFormat::Z_PIXMAP, window, 0, 0, width, height, !0)
        .map_err(window_error)?
        .reply()
        .map_err(window_error)?;
    // 24-bit X visuals store blue, green, red and a filler byte.
    let pixels: Vec<u8> =
        reply.data.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
    if pixels.chunks_exact(3).all(|pixel| pixel == &pixels[..3]) {
        return Err(TaskError::Claim("the editor drew nothing".to_owned()));
    }
    Ok(Image { width: width.into(), height: height.into(), pixels })
}
