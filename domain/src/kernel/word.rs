//! Closed sets of words: states, actions, relations; each with one fixed spelling.
//!
//! The same spelling is used in both databases, on the wire and in a diagram, so there is one place where it is
//! written. A word is stored as text, never as a number: a row can be read by a person, and nothing breaks when the
//! order of an enum changes.

/// What the kernels need to know of an enum declared by [`words!`](crate::words).
pub trait Word: Copy + Eq + 'static {
    /// Every word of the set, in the order of its declaration.
    const ALL: &'static [Self];
    fn as_str(self) -> &'static str;
}

/// The text is none of the words of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord;

/// Declares an enum whose variants have a fixed spelling: `words! { Sex { Male = "male", Female = "female" } }`.
#[macro_export]
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        // How far the words reach is for the module around them to say.
        #[allow(unreachable_pub)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        #[allow(unreachable_pub)]
        impl $name {
            /// Every word of the set, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::kernel::word::Word for $name {
            const ALL: &'static [Self] = Self::ALL;
            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::kernel::word::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or($crate::kernel::word::UnknownWord)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        Season { Dry = "dry", Rainy = "plum_rain" }
    }

    #[test]
    fn every_word_reads_back_and_no_other_text_does() {
        for word in Season::ALL {
            assert_eq!(word.as_str().parse(), Ok(*word));
        }
        assert_eq!("Dry".parse::<Season>(), Err(UnknownWord));
        assert_eq!(Season::Rainy.to_string(), "plum_rain");
    }
}
