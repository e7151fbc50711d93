//! People, facts and tags over HTTP.

use crate::route::Api;

pub fn routes(_api: &mut Api) {}
