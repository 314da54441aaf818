//! What walls are made of: how much of a sound they swallow.
//!
//! In: a material. Out: the part of the power that a wall of it takes from diffuse sound, in each band of the room. Any thread.
//! Sources: Barron, "Industrial Noise Control and Acoustics" (2003), appendix D; for wood, carpets, curtains, windows and wool
//! the list of Sengpiel (sengpielaudio.com/calculator-RT60Coeff.htm), for panelling Vorländer, "Auralization" (2008), appendix.

/// Octaves around 125, 250, 500, 1,000, 2,000 and 4,000 Hz.
pub(super) const OCTAVES: usize = 6;

/// Where lows end and where highs begin. Octaves around them count half on either side.
pub(super) const CROSSOVER_HZ: [f32; 2] = [250.0, 2_000.0];

/// Lows, mids and highs.
pub(super) type Bands = [f32; 3];

/// Means of octaves in the room's bands.
pub(super) fn bands([low, low_mid, mid, high_mid, high, top]: [f32; OCTAVES]) -> Bands {
    [
        (low + low_mid / 2.0) / 1.5,
        (low_mid / 2.0 + mid + high_mid + high / 2.0) / 3.0,
        (high / 2.0 + top) / 1.5,
    ]
}

macro_rules! materials {
    ($($(#[$doc:meta])* $material:ident($name:literal, $octaves:expr),)*) => {
        /// What a wall is made of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Material {
            $($(#[$doc])* $material,)*
        }

        impl Material {
            /// Every material, in the order of menus.
            pub const ALL: &[Self] = &[$(Self::$material,)*];

            /// What is saved.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$material => $name,)*
                }
            }

            /// The part of the power that is swallowed, in each octave.
            fn octaves(self) -> [f32; OCTAVES] {
                match self {
                    $(Self::$material => $octaves,)*
                }
            }
        }
    };
}

materials! {
    /// No wall at all.
    Open("open", [1.0; OCTAVES]),
    /// Bricks without glaze.
    Brick("brick", [0.03, 0.03, 0.03, 0.04, 0.05, 0.07]),
    /// Painted bricks.
    PaintedBrick("painted brick", [0.01, 0.01, 0.02, 0.02, 0.02, 0.03]),
    /// Concrete as it was poured.
    Concrete("concrete", [0.01, 0.01, 0.02, 0.02, 0.02, 0.03]),
    /// Coarse blocks of concrete.
    ConcreteBlock("concrete block", [0.36, 0.44, 0.31, 0.29, 0.39, 0.25]),
    /// Painted blocks of concrete.
    PaintedBlock("painted block", [0.10, 0.05, 0.06, 0.07, 0.09, 0.08]),
    /// Marble or terrazzo.
    Marble("marble", [0.01, 0.01, 0.015, 0.02, 0.02, 0.02]),
    /// Plaster on bricks or tiles.
    Plaster("plaster", [0.013, 0.015, 0.02, 0.03, 0.04, 0.05]),
    /// Plaster on lath.
    Lath("lath", [0.14, 0.10, 0.06, 0.04, 0.04, 0.03]),
    /// Panels of wood on a frame.
    Panelling("panelling", [0.27, 0.23, 0.22, 0.15, 0.10, 0.07]),
    /// Solid wood, as of doors.
    Wood("wood", [0.10, 0.07, 0.05, 0.04, 0.04, 0.04]),
    /// A large pane of thick glass.
    Glass("glass", [0.18, 0.06, 0.04, 0.03, 0.02, 0.02]),
    /// Windows.
    Window("window", [0.35, 0.25, 0.18, 0.12, 0.07, 0.04]),
    /// Parquet on concrete.
    Parquet("parquet", [0.04, 0.04, 0.07, 0.06, 0.06, 0.07]),
    /// Boards on joists.
    Boards("boards", [0.15, 0.11, 0.10, 0.07, 0.06, 0.07]),
    /// Linoleum on concrete.
    Linoleum("linoleum", [0.02, 0.03, 0.03, 0.03, 0.03, 0.02]),
    /// Carpet on concrete.
    Carpet("carpet", [0.02, 0.06, 0.14, 0.37, 0.60, 0.65]),
    /// Carpet on foam.
    ThickCarpet("thick carpet", [0.08, 0.24, 0.57, 0.69, 0.71, 0.73]),
    /// A curtain of 340 g to the square metre.
    Curtain("curtain", [0.03, 0.04, 0.11, 0.17, 0.24, 0.35]),
    /// A curtain of 610 g to the square metre.
    HeavyCurtain("heavy curtain", [0.14, 0.35, 0.55, 0.72, 0.70, 0.65]),
    /// 5 cm of glass wool.
    Wool("wool", [0.22, 0.82, 0.99, 0.99, 0.99, 0.99]),
}

impl Material {
    /// The material saved as `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|material| material.name() == name)
    }

    /// The part of the power that is swallowed, in each band.
    pub(super) fn absorption(self) -> Bands {
        bands(self.octaves())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_material_is_found_by_its_name_and_swallows_a_part() {
        for &material in Material::ALL {
            assert_eq!(Material::named(material.name()), Some(material));
            assert!(material.absorption().iter().all(|part| (0.0..=1.0).contains(part)), "{material:?}");
        }
        assert_eq!(Material::named("cheese"), None);
        assert_eq!(Material::Open.absorption(), [1.0; 3]);
    }
}
