//! Registering an operation and documenting it is one act.
//!
//! [`op!`] takes a handler that carries `#[utoipa::path]`; there is no other way to add a route, so an undocumented one
//! does not compile. What every operation has in common is added here, to the program and to the document alike: who
//! may call it ([`Access`]), which refusals it knows, the headers it reads and writes, the limits it counts against.
//!
//! Requests find their operation in a radix tree ([`mount`]). The framework's own router tries one pattern after the other,
//! each by a regular expression: with hundreds of paths that cost more than the rest of a request together.

mod describe;
mod ending;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Payload};
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder};
use jiazai_domain::actor::Role;
use jiazai_domain::api_key::{Action, Resource as About, Scope};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{HttpMethod, OpenApi, RefOr, Schema};

pub use self::describe::say;
pub use self::ending::Ending;
use crate::bulk::Form;
use crate::error::{ApiError, Code, code};

/// Who may call an operation at all. What they may do with a particular thing is decided with the thing in hand.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Anybody; an identity is ignored.
    Public,
    /// Anybody; but an identity that is sent counts, and a bad one is refused.
    Perhaps,
    /// Anybody with an identity.
    Anyone,
    Residents,
    /// Any member of staff, whatever their role.
    Staff,
    /// Members of staff who hold one of these roles somewhere. A platform administrator holds all of them.
    Roles(&'static [Role]),
    /// Residents, and members of staff who hold one of these roles somewhere.
    ResidentsOr(&'static [Role]),
}

/// Whether a client program may call an operation with its key. It must pass [`Access`] as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// What only people do: their accounts, their own affairs.
    None,
    /// Any key.
    All,
    /// Keys with this scope.
    With(Scope),
}

impl Programs {
    /// What remains of it: no program is a resident.
    pub fn filter(self, access: Access) -> Self {
        if matches!(access, Access::Residents) { Self::None } else { self }
    }
}

/// What an operation is about, by its tag; none where no program has any business.
fn about(tag: Option<&str>, path: &str) -> Option<About> {
    let people = ["/people", "/household-facts", "/person-tags", "/imports", "/tags", "/registry-proposals", "/home-visits"];
    Some(match tag {
        Some("repair") => About::Repair,
        Some("registry") if people.iter().any(|part| path.contains(part)) => About::People,
        Some("registry") => About::Registry,
        Some("enrolment") => About::Enrolment,
        Some("volunteer") => About::Volunteer,
        Some("points") => About::Points,
        Some("files") => About::Files,
        Some("events") => About::Events,
        Some("webhooks") => About::Webhooks,
        Some("audit") => About::Audit,
        _ => return None,
    })
}

/// What an operation does, by its method and the end of its path. What differs says so with [`NewOp::scope`].
fn action(resource: About, path: &str, method: &Method) -> Action {
    match () {
        // Of people alone: a draw that is revealed is a thing done.
        () if path.ends_with("/reveal") && resource == About::People => Action::Reveal,
        () if [".csv", ".ndjson", ".xlsx"].iter().any(|end| path.ends_with(end)) => Action::Export,
        () if *method == Method::GET => Action::Read,
        () => Action::Write,
    }
}

/// What an operation counts against; see `limits.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    General,
    /// Log-ins with a password: guessed by the thousand if one may.
    Password,
    WechatLogin,
    Upload,
    /// Probes and documents.
    None,
}

/// An operation as the program knows it at run time.
#[derive(Debug)]
pub struct Op {
    /// The OpenAPI operation id.
    pub id: String,
    /// The path pattern, for metrics and logs.
    pub path: String,
    pub access: Access,
    /// Which programs may call it.
    pub programs: Programs,
    pub limit: Limit,
    /// A POST: an `Idempotency-Key` counts.
    pub keyed: bool,
    /// A PUT of something that exists: `If-Match` must be sent.
    pub conditional: bool,
    /// It shows what is protected: that staff or a program looked is written down before they see it.
    pub sensitive: bool,
    /// The body is a form (`application/x-www-form-urlencoded`), as standards older than ours have it.
    pub form: bool,
    /// A list that can be taken whole; see `bulk`.
    pub list: Option<ListOp>,
    /// It comes to its end.
    pub ending: Option<Ending>,
}

/// What a list says about being taken whole.
#[derive(Debug, Clone, Copy)]
pub struct ListOp {
    /// Its address says as what: `….csv`.
    pub form: Option<Form>,
    /// The columns of a table in their order; none: all that the document knows of an item.
    pub columns: Option<&'static [&'static str]>,
    /// What is in it is worth a reason.
    pub needs_reason: bool,
    /// What it is about.
    pub about: Option<About>,
}

impl Op {
    /// As what the list is to be taken whole; none: a page of it is asked for, or it is no list.
    pub fn taken_as(&self, headers: &HeaderMap) -> Option<Form> {
        self.list.and_then(|list| list.form.or_else(|| Form::accepted(headers)))
    }

    /// Which programs may send this request. To take a list whole is a right of its own where there is one.
    pub fn programs_for(&self, headers: &HeaderMap) -> Programs {
        match (self.programs, self.list) {
            (Programs::With(_), Some(ListOp { about: Some(resource), .. })) if self.taken_as(headers).is_some() => {
                let export = Scope { resource, action: Action::Export };
                if export.is_offered() { Programs::With(export) } else { self.programs }
            }
            (programs, _) => programs,
        }
    }
}

/// What [`op!`] collects about an operation.
pub struct NewOp {
    handler: Erased,
    about: Option<About>,
    op: Op,
    method: Method,
    refuses: Vec<&'static Code>,
    document: fn() -> (Operation, Vec<(String, RefOr<Schema>)>),
    pattern: fn() -> String,
}

impl NewOp {
    pub fn new<P, H, Args>(handler: H, access: Access) -> Self
    where
        P: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static>,
        H: Handler<Args>,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let method = match P::methods().first() {
            Some(HttpMethod::Post) => Method::POST,
            Some(HttpMethod::Put) => Method::PUT,
            Some(HttpMethod::Delete) => Method::DELETE,
            _ => Method::GET,
        };
        let (described, path) = (P::operation(), P::path());
        let about = about(P::tags().first().copied(), &path);
        let is_list =
            method == Method::GET && described.parameters.iter().flatten().any(|p| matches!(p, RefOr::T(p) if p.name == "cursor"));
        let op = Op {
            id: described.operation_id.unwrap_or_default(),
            path: String::new(),
            access,
            programs: about.map_or(Programs::None, |resource| Programs::With(Scope { resource, action: action(resource, &path, &method) })),
            limit: Limit::General,
            keyed: method == Method::POST,
            conditional: method == Method::PUT,
            sensitive: false,
            form: false,
            list: is_list.then_some(ListOp { form: None, columns: None, needs_reason: false, about }),
            ending: None,
        };
        Self {
            handler: erased(handler),
            about,
            op,
            method,
            refuses: Vec::new(),
            document: || {
                let mut schemas = Vec::new();
                P::schemas(&mut schemas);
                let mut operation = P::operation();
                operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
                (operation, schemas)
            },
            pattern: P::path,
        }
    }

    /// The refusals that are this operation's own, beyond those that its shape implies.
    pub fn refuses(mut self, codes: &[&'static Code]) -> Self {
        self.refuses.extend_from_slice(codes);
        self
    }

    pub fn limit(mut self, limit: Limit) -> Self {
        self.op.limit = limit;
        self
    }

    /// It shows what is protected; see [`Op::sensitive`].
    pub fn sensitive(mut self) -> Self {
        self.op.sensitive = true;
        self
    }

    /// Any key may call it.
    pub fn open_to_programs(mut self) -> Self {
        self.op.programs = Programs::All;
        self
    }

    /// No key may call it: it is between people.
    pub fn closed_to_programs(mut self) -> Self {
        self.op.programs = Programs::None;
        self
    }

    /// What a key needs, where the shape of the operation says something else.
    pub fn scope(mut self, action: Action) -> Self {
        if let Some(resource) = self.about {
            self.op.programs = Programs::With(Scope { resource, action });
        }
        self
    }

    /// The body is a form. A repeat of it is for the standard that it comes from to make harmless.
    pub fn form(mut self) -> Self {
        (self.op.form, self.op.keyed) = (true, false);
        self
    }

    /// A list that leaves as a file by operations of its own, or not at all.
    pub fn exported_apart(mut self) -> Self {
        self.op.list = None;
        self
    }

    /// The columns of the list as a table, by their paths in an item (`sla.accept.due_at`).
    pub fn columns(mut self, columns: &'static [&'static str]) -> Self {
        if let Some(list) = &mut self.op.list {
            list.columns = Some(columns);
        }
        self
    }

    /// Who takes the list whole says why.
    pub fn whole_for_a_reason(mut self) -> Self {
        if let Some(list) = &mut self.op.list {
            list.needs_reason = true;
        }
        self
    }

    /// It comes to its end; say so in the change log as well.
    pub fn ends(mut self, ending: Ending) -> Self {
        self.op.ending = Some(ending);
        self
    }

    /// A PUT that needs no `If-Match`: it makes what is not there yet, or only the caller can write it.
    pub fn unconditional(mut self) -> Self {
        self.op.conditional = false;
        self
    }
}

/// A handler whose type is forgotten: the layers around it are compiled once, not for each operation.
pub type Erased = Rc<dyn Fn(HttpRequest, Payload) -> Pin<Box<dyn Future<Output = Result<HttpResponse, actix_web::Error>>>>>;

fn erased<H, Args>(handler: H) -> Erased
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    Rc::new(move |request, payload| {
        let (handler, mut payload) = (handler.clone(), payload.into_inner());
        Box::pin(async move {
            let arguments = Args::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(handler.call(arguments).await.respond_to(&request).map_into_boxed_body())
        })
    })
}

/// `op!(handler, access)`, the handler by its path: `op!(repair::assign_repair_ticket, Access::Roles(DISPATCHERS))`.
#[macro_export]
macro_rules! op {
    ($($module:ident::)* { $handler:ident }, $access:expr) => {
        pastey::paste! { $crate::route::NewOp::new::<$($module::)*[<__path_ $handler>], _, _>($($module::)*$handler, $access) }
    };
    ($handler:ident, $access:expr) => { $crate::op!({ $handler }, $access) };
}

/// One method of a path.
struct Served {
    method: Method,
    op: Rc<Op>,
    handler: Erased,
}

/// The operations of one worker by their paths, and the document when one is being made.
pub struct Api {
    base: &'static str,
    paths: BTreeMap<String, Vec<Served>>,
    document: Option<OpenApi>,
}

impl Api {
    /// Operations are added below `base`.
    pub fn new(base: &'static str, document: Option<OpenApi>) -> Self {
        Self { base, paths: BTreeMap::new(), document }
    }

    /// Changes the prefix for the operations added from here on.
    pub fn base(&mut self, base: &'static str) {
        self.base = base;
    }

    pub fn add(&mut self, new: NewOp) -> &mut Self {
        let path = format!("{}{}", self.base, (new.pattern)());
        // A mistake of whoever wrote the operation, which every start and every test finds: its scope could be given to no key.
        if let Programs::With(scope) = new.op.programs {
            assert!(scope.is_offered(), "{}: there is no scope {scope}; say another with NewOp::scope", new.op.id);
        }
        if let Some(document) = &mut self.document {
            let (operation, schemas) = (new.document)();
            describe::describe(document, &path, &new, operation, schemas);
        }
        if let Some(list) = new.op.list {
            for form in Form::ALL {
                let path = format!("{path}.{}", form.extension());
                let list = Some(ListOp { form: Some(form), ..list });
                let op = Rc::new(Op { path: path.clone(), id: new.op.id.clone(), list, ..new.op });
                self.serve(path, Served { method: Method::GET, op, handler: new.handler.clone() });
            }
        }
        let op = Rc::new(Op { path: path.clone(), ..new.op });
        for path in addresses(&path) {
            self.serve(path, Served { method: new.method.clone(), op: op.clone(), handler: new.handler.clone() });
        }
        self
    }

    fn serve(&mut self, path: String, new: Served) {
        let served = self.paths.entry(path).or_default();
        assert!(served.iter().all(|other| other.method != new.method), "{} {} is there twice", new.method, new.op.path);
        served.push(new);
    }

    /// The finished document.
    pub fn into_document(self) -> Option<OpenApi> {
        self.document
    }
}

/// Where an operation is found: at its path, which a standard may end in the format of the answer. The tree knows no two parameters
/// in one part of a path, so there the handler takes the last part whole.
fn addresses(path: &str) -> Vec<String> {
    let Some(stem) = path.strip_suffix(".{format}") else { return vec![path.to_owned()] };
    match stem.rsplit_once('/') {
        Some((before, last)) if last.contains('{') => vec![format!("{before}/{{file}}")],
        _ => vec![format!("{stem}.json"), format!("{stem}.xml")],
    }
}

/// Serves what was added: 404 for a path that nothing was added at, 405 with `Allow` for a method that its path does not know.
pub fn mount(config: &mut web::ServiceConfig, api: Api) {
    let mut tree = matchit::Router::new();
    for (path, served) in api.paths {
        let known = tree.insert(&path, served);
        assert!(known.is_ok(), "{path}: {known:?}");
    }
    let tree = Rc::new(tree);
    config.default_service(web::to(move |request: HttpRequest, payload: Payload| {
        let tree = tree.clone();
        async move {
            match find(&tree, &request) {
                Ok((op, handler)) => crate::auth::admit(op, handler, request, payload).await,
                Err(refusal) => HttpResponse::from_error(refusal),
            }
        }
    }));
}

/// What the braces of a pattern stand for in this request.
struct Values(Vec<(String, String)>);

fn find(tree: &matchit::Router<Vec<Served>>, request: &HttpRequest) -> Result<(Rc<Op>, Erased), ApiError> {
    let found = tree.at(request.match_info().as_str()).map_err(|_| ApiError::new(code::NOT_FOUND))?;
    // Whoever may GET may ask for the head alone; the server leaves the body out by itself.
    let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some(served) = found.value.iter().find(|served| served.method == *method) else {
        let mut methods: Vec<&str> = found.value.iter().map(|served| served.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        return Err(ApiError::new(code::METHOD_NOT_ALLOWED).allow(&methods.join(", ")));
    };
    let values = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut extensions = request.extensions_mut();
    extensions.insert(Values(values));
    extensions.insert(served.op.clone());
    Ok((served.op.clone(), served.handler.clone()))
}

/// What stands in the request's path where its pattern has `{name}`, with percent signs resolved. Empty when it has no such.
pub fn path_value(request: &HttpRequest, name: &str) -> String {
    let extensions = request.extensions();
    let values = extensions.get::<Values>().into_iter().flat_map(|values| &values.0);
    values.filter(|(known, _)| known == name).map(|(_, value)| value.clone()).next().unwrap_or_default()
}
