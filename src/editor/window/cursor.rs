//! What egui calls the shapes of the pointer, in the window library's words.

use baseview::MouseCursor as Shape;
use egui::CursorIcon as Icon;

pub(super) fn shape(icon: Icon) -> Shape {
    match icon {
        Icon::Default => Shape::Default,
        Icon::None => Shape::Hidden,
        Icon::Help => Shape::Help,
        Icon::ContextMenu | Icon::PointingHand | Icon::Grab => Shape::Hand,
        Icon::Grabbing => Shape::HandGrabbing,
        Icon::Progress => Shape::PtrWorking,
        Icon::Wait => Shape::Working,
        Icon::Cell => Shape::Cell,
        Icon::Crosshair => Shape::Crosshair,
        Icon::Text => Shape::Text,
        Icon::VerticalText => Shape::VerticalText,
        Icon::Alias => Shape::Alias,
        Icon::Copy => Shape::Copy,
        Icon::Move => Shape::Move,
        Icon::NoDrop | Icon::NotAllowed => Shape::NotAllowed,
        Icon::AllScroll => Shape::AllScroll,
        Icon::ResizeHorizontal => Shape::EwResize,
        Icon::ResizeVertical => Shape::NsResize,
        Icon::ResizeNeSw => Shape::NeswResize,
        Icon::ResizeNwSe => Shape::NwseResize,
        Icon::ResizeEast => Shape::EResize,
        Icon::ResizeSouthEast => Shape::SeResize,
        Icon::ResizeSouth => Shape::SResize,
        Icon::ResizeSouthWest => Shape::SwResize,
        Icon::ResizeWest => Shape::WResize,
        Icon::ResizeNorthWest => Shape::NwResize,
        Icon::ResizeNorth => Shape::NResize,
        Icon::ResizeNorthEast => Shape::NeResize,
        Icon::ResizeColumn => Shape::ColResize,
        Icon::ResizeRow => Shape::RowResize,
        Icon::ZoomIn => Shape::ZoomIn,
        Icon::ZoomOut => Shape::ZoomOut,
    }
}
