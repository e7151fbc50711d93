//! Files 附件 as the other modules know them: by id. What a file is and who may read it is decided where it belongs.

crate::ids! {
    /// An uploaded photo or document.
    File, FileId = "fil";
}
