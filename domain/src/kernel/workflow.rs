//! Workflows: a machine is a table of edges, (action, from, to, who), and everything else is read off that table.
//!
//! The table says what may ever happen; a module's guards (time windows, once-only rules) can only forbid more. It is
//! served as data and drawn as a diagram, so what integrators read is what runs. A *party* is what somebody is to one
//! thing (its reporter, its worker), which is more than a role and is worked out by the module.

use std::fmt::Write;

use serde::Serialize;

use super::word::Word;

/// One thing that may happen: an action leads from one state to another when one of these parties takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge<S: 'static, A: 'static, P: 'static> {
    pub action: A,
    pub from: S,
    pub to: S,
    pub who: &'static [P],
}

/// A named table of edges.
#[derive(Debug, Clone, Copy)]
pub struct Machine<S: 'static, A: 'static, P: 'static> {
    pub name: &'static str,
    /// Where a new thing may begin.
    pub initial: &'static [S],
    pub edges: &'static [Edge<S, A, P>],
}

/// Why the table alone forbids an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// In no state would these parties be allowed this action.
    NotForYou,
    /// They would be in another state, but are not in this one.
    WrongState,
}

/// A machine as plain data, for `/meta/state-machines`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineView {
    pub name: &'static str,
    pub states: Vec<&'static str>,
    pub transitions: Vec<TransitionView>,
}

/// An edge as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionView {
    pub action: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub roles: Vec<&'static str>,
}

/// Writes one row of a machine's table.
pub const fn edge<S, A, P>(action: A, from: S, to: S, who: &'static [P]) -> Edge<S, A, P>
where
    S: Copy,
    A: Copy,
{
    Edge { action, from, to, who }
}

impl<S: Word, A: Word, P: Word> Machine<S, A, P> {
    /// The edge of this action between these states, if there is one.
    pub fn edge(&self, action: A, from: S, to: S) -> Option<&'static Edge<S, A, P>> {
        self.edges.iter().find(|e| e.action == action && e.from == from && e.to == to)
    }

    /// Whether the table lets any of these parties take this action in this state.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, action: A, from: S, parties: &[P]) -> Result<(), Denied> {
        let mut denied = Denied::NotForYou;
        for edge in self.edges.iter().filter(|e| e.action == action && e.who.iter().any(|p| parties.contains(p))) {
            if edge.from == from {
                return Ok(());
            }
            denied = Denied::WrongState;
        }
        Err(denied)
    }

    /// What the table lets these parties do in this state, in the order of the actions' declaration.
    pub fn actions(&self, from: S, parties: &[P]) -> Vec<A> {
        let here = |e: &&Edge<S, A, P>| e.from == from && e.who.iter().any(|p| parties.contains(p));
        let open: Vec<A> = self.edges.iter().filter(here).map(|e| e.action).collect();
        A::ALL.iter().copied().filter(|action| open.contains(action)).collect()
    }

    /// Whether nothing leads out of this state.
    pub fn is_final(&self, state: S) -> bool {
        self.edges.iter().all(|e| e.from != state || e.to == state)
    }

    pub fn view(&self) -> MachineView {
        let transition = |e: &Edge<S, A, P>| TransitionView {
            action: e.action.as_str(),
            from: e.from.as_str(),
            to: e.to.as_str(),
            roles: e.who.iter().map(|p| p.as_str()).collect(),
        };
        MachineView {
            name: self.name,
            states: S::ALL.iter().map(|s| s.as_str()).collect(),
            transitions: self.edges.iter().map(transition).collect(),
        }
    }

    /// The machine as a Mermaid `stateDiagram-v2`.
    pub fn mermaid(&self) -> String {
        let mut out = format!("---\ntitle: {}\n---\nstateDiagram-v2\n", self.name);
        // Writing to a String cannot fail.
        for state in self.initial {
            let _ = writeln!(out, "    [*] --> {}", state.as_str());
        }
        for edge in self.edges {
            let who: Vec<_> = edge.who.iter().map(|p| p.as_str()).collect();
            let _ = writeln!(out, "    {} --> {}: {} ({})", edge.from.as_str(), edge.to.as_str(), edge.action.as_str(), who.join(", "));
        }
        for state in S::ALL.iter().filter(|s| self.is_final(**s)) {
            let _ = writeln!(out, "    {} --> [*]", state.as_str());
        }
        out
    }

    /// What is wrong with the table itself, for a module's test: an edge given twice or to nobody, a state that cannot
    /// be reached, an action that never happens.
    pub fn flaws(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (i, e) in self.edges.iter().enumerate() {
            let name = format!("{} {} -> {}", e.action.as_str(), e.from.as_str(), e.to.as_str());
            if e.who.is_empty() {
                flaws.push(format!("nobody may {name}"));
            }
            if self.edges[..i].iter().any(|o| o.action == e.action && o.from == e.from && o.to == e.to) {
                flaws.push(format!("twice {name}"));
            }
        }
        let mut reached = self.initial.to_vec();
        while let Some(next) = self.edges.iter().find(|e| reached.contains(&e.from) && !reached.contains(&e.to)) {
            reached.push(next.to);
        }
        flaws.extend(S::ALL.iter().filter(|s| !reached.contains(s)).map(|s| format!("never {}", s.as_str())));
        let idle = A::ALL.iter().filter(|a| self.edges.iter().all(|e| e.action != **a));
        flaws.extend(idle.map(|a| format!("never {}", a.as_str())));
        flaws
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::words! {
        Light { Red = "red", Green = "green", Dark = "dark" }
        Press { Toggle = "toggle", Break = "break" }
        Hand { Child = "child", Owner = "owner" }
    }

    const LAMP: Machine<Light, Press, Hand> = Machine {
        name: "lamp",
        initial: &[Light::Red],
        edges: &[
            edge(Press::Toggle, Light::Red, Light::Green, &[Hand::Child, Hand::Owner]),
            edge(Press::Toggle, Light::Green, Light::Red, &[Hand::Owner]),
            edge(Press::Break, Light::Green, Light::Dark, &[Hand::Child]),
        ],
    };

    #[test]
    fn a_party_without_an_edge_is_told_so_and_not_the_state() {
        assert_eq!(LAMP.check(Press::Break, Light::Red, &[Hand::Owner]), Err(Denied::NotForYou));
        assert_eq!(LAMP.check(Press::Break, Light::Red, &[Hand::Child]), Err(Denied::WrongState));
        assert_eq!(LAMP.check(Press::Toggle, Light::Green, &[Hand::Child]), Err(Denied::WrongState));
        assert_eq!(LAMP.check(Press::Toggle, Light::Green, &[Hand::Child, Hand::Owner]), Ok(()));
        assert_eq!(LAMP.actions(Light::Green, &[Hand::Child]), [Press::Break]);
        assert_eq!(LAMP.actions(Light::Dark, &[Hand::Child, Hand::Owner]), []);
    }

    #[test]
    fn the_view_and_the_diagram_are_the_table() {
        let view = serde_json::to_value(LAMP.view()).expect("JSON");
        assert_eq!(view["states"], serde_json::json!(["red", "green", "dark"]));
        assert_eq!(
            view["transitions"][0],
            serde_json::json!({"action": "toggle", "from": "red", "to": "green", "roles": ["child", "owner"]})
        );
        let diagram = LAMP.mermaid();
        for line in ["stateDiagram-v2", "[*] --> red", "red --> green: toggle (child, owner)", "dark --> [*]"] {
            assert!(diagram.lines().any(|l| l.trim() == line), "{line} in\n{diagram}");
        }
    }

    #[test]
    fn a_flawed_table_is_found_out() {
        assert_eq!(LAMP.flaws(), Vec::<String>::new());
        const BAD: Machine<Light, Press, Hand> = Machine {
            name: "bad",
            initial: &[Light::Red],
            edges: &[edge(Press::Toggle, Light::Red, Light::Red, &[]), edge(Press::Toggle, Light::Red, Light::Red, &[Hand::Owner])],
        };
        assert_eq!(BAD.flaws(), ["nobody may toggle red -> red", "twice toggle red -> red", "never green", "never dark", "never break"]);
    }
}
