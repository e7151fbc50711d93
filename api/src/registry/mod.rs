//! The registry 一房一档 over HTTP. The domain's module of the same name says what the words mean.

mod bindings;
mod imports;
mod people;
mod places;

use crate::route::Api;

pub fn routes(api: &mut Api) {
    places::routes(api);
    bindings::routes(api);
    people::routes(api);
    imports::routes(api);
}
