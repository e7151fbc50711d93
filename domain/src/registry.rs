//! The registry 一房一档 as the other modules know it, for now: the names of its things.

crate::ids! {
    /// A home 房屋: one flat or house that people live in, own or rent.
    Home, HomeId = "hom";
}
