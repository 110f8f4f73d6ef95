//! Colours: one [`Styles`], plain unless asked. The only place that chooses one.

use std::fmt::Display;

/// Plain text, or text for a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Style {
    /// No escape sequence at all.
    #[default]
    Plain,
    /// With ANSI colours. Without feature `cli` the same as [`Style::Plain`].
    Coloured,
}

/// How one kind of text is painted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Paint {
    #[cfg(feature = "cli")]
    style: owo_colors::Style,
}

impl Paint {
    /// The text, between the escape sequences of this paint, if it has any.
    #[cfg(feature = "cli")]
    #[must_use]
    pub fn on(self, text: impl Display) -> String {
        use owo_colors::OwoColorize as _;
        text.style(self.style).to_string()
    }

    /// The text itself: this build has no colours.
    #[cfg(not(feature = "cli"))]
    #[must_use]
    pub fn on(self, text: impl Display) -> String {
        text.to_string()
    }
}

/// The paints of a report.
#[derive(Clone, Copy, Default, Debug)]
pub struct Styles {
    /// The style that these were made for.
    pub style: Style,
    /// Columns that a drawing of source lines may take; without a number the usual ones.
    pub width: Option<usize>,
    /// `error[…]`, and what went wrong in a table.
    pub error: Paint,
    /// Headlines and headings.
    pub heading: Paint,
    /// `help:`, and what went right in a table.
    pub good: Paint,
    /// Numbers and labels of operations.
    pub label: Paint,
    /// What may be skipped.
    pub faint: Paint,
}

impl Styles {
    /// The paints for `style`.
    #[must_use]
    pub fn new(style: Style) -> Self {
        match style {
            Style::Plain => Self::default(),
            Style::Coloured => Self::coloured(),
        }
    }

    #[cfg(feature = "cli")]
    fn coloured() -> Self {
        let plain = owo_colors::Style::new();
        let paint = |style| Paint { style };
        Self {
            style: Style::Coloured,
            width: None,
            error: paint(plain.bright_red().bold()),
            heading: paint(plain.bold()),
            good: paint(plain.bright_green().bold()),
            label: paint(plain.bright_blue().bold()),
            faint: paint(plain.dimmed()),
        }
    }

    #[cfg(not(feature = "cli"))]
    fn coloured() -> Self {
        Self::default()
    }
}
