//! Problems in words: what was expected and by whom, what was found, and, on the
//! last line, what to do. Six lines at most, however much there is to tell.
//!
//! Ids, names and origins come from others, so each line is written as one [`Line`].

use std::fmt;

use hotshoe_abi::plain::Line;

use crate::manifest::Target;

use super::problem::{
    Asker, Conflict, Cycle, DuplicateInstance, Missing, Nearest, NoCandidate, Present, Problem,
    Want,
};

/// How many lines of a message go to what was found.
const SHOWN: usize = 3;

/// A line of a message, whatever the names in it.
fn line(f: &mut fmt::Formatter<'_>, what: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "{}", Line(what))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(it) => it.fmt(f),
            Self::Conflict(it) => it.fmt(f),
            Self::Cycle(it) => it.fmt(f),
            Self::NoCandidate(it) => it.fmt(f),
            Self::DuplicateInstance(it) => it.fmt(f),
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(format_args!("`{}` ({} {})", self.instance, self.plugin, self.version)).fmt(f)
    }
}

/// `plugin `clock``, `service `time``.
pub(super) struct Named<'a>(pub &'a Target);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Plugin(id) => write!(f, "plugin `{}`", Line(id)),
            Target::Service(name) => write!(f, "service `{}`", Line(name)),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement(it) => {
                let verb = if it.optional { "optionally requires" } else { "requires" };
                write!(f, "{verb} {} {}", Named(&it.target), it.range)
            }
            Self::Instance(need) => {
                write!(f, "needs instance `{}` ({})", Line(&need.instance), Line(&need.reason))
            }
        }
    }
}

impl fmt::Display for Present {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Line(&self.plugin), self.version)?;
        if let Some((service, version)) = &self.service {
            write!(f, " with {} {version}", Line(service))?;
        }
        write!(f, " ({})", Line(&self.origin))
    }
}

impl Present {
    /// Semver's rule about pre-releases surprises everybody once.
    fn note(&self) -> &'static str {
        let looked_at = self.service.as_ref().map_or(&self.version, |(_, version)| version);
        if looked_at.pre.is_empty() {
            ""
        } else {
            "; a range includes a pre-release only if it names one"
        }
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(fmt::from_fn(|f| self.tell(f))).fmt(f)
    }
}

impl Nearest {
    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled { instance, plugin } => {
                write!(f, "instance `{instance}` of plugin `{plugin}` is present but disabled")
            }
            Self::Unconfigured(it) => {
                write!(f, "{it} is present, but no instance of it is configured")
            }
            Self::PinnedOut { present, instance, pin } => {
                write!(f, "{present} is present, but instance `{instance}` is pinned to {pin}")
            }
            Self::Unchosen { present, because: Some(it), .. } => {
                write!(f, "{present} is present, but requires {} {}", Named(&it.target), it.range)
            }
            Self::Unchosen { present, instance, .. } => write!(
                f,
                "{present} is present, but other requirements keep `{instance}` from using it"
            ),
            Self::Itself => f.write_str("only the instance itself, which does not count"),
            Self::OutOfRange(it) => write!(f, "{it} is out of range{}", it.note()),
            Self::Host(version) => write!(f, "the host provides {version}, which is out of range"),
            Self::Similar(id) => write!(f, "`{id}` has a similar name"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, format_args!("{} {}, which is not there.", self.asker, self.want))?;
        for near in self.nearest.iter().take(SHOWN) {
            writeln!(f, "  found: {near}")?;
        }
        let hidden = self.nearest.len().saturating_sub(SHOWN) + self.more;
        if hidden > 0 {
            writeln!(f, "  found: {hidden} more")?;
        }
        write!(f, "  help: {}", Line(fmt::from_fn(|f| self.help(f))))
    }
}

impl Missing {
    fn help(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asker = &self.asker.instance;
        match self.nearest.first() {
            Some(Nearest::Disabled { instance, .. }) => {
                return write!(f, "enable `{instance}`, or disable `{asker}`.");
            }
            Some(Nearest::Unconfigured(it)) => {
                return write!(f, "configure an instance of plugin `{}`.", it.plugin);
            }
            Some(Nearest::PinnedOut { instance, .. }) => {
                return write!(f, "widen the pin of `{instance}`, or add another instance.");
            }
            Some(Nearest::Unchosen { present, because: Some(it), .. }) => {
                let (plugin, version) = (&present.plugin, &present.version);
                let target = Named(&it.target);
                return write!(f, "provide {target} {}, and {plugin} {version} will do.", it.range);
            }
            Some(Nearest::Unchosen { present, .. }) => {
                return write!(
                    f,
                    "add a second instance of plugin `{}` pinned to ={}, or change what excludes it.",
                    present.plugin, present.version
                );
            }
            _ => {}
        }
        match &self.want {
            Want::Instance(need) => {
                write!(f, "configure and enable an instance `{}`", need.instance)?;
            }
            Want::Requirement(it) => match &it.target {
                Target::Plugin(id) => {
                    write!(f, "install plugin `{id}` {} and enable it", it.range)?
                }
                Target::Service(name) => {
                    write!(f, "install and enable a plugin that provides `{name}` {}", it.range)?;
                }
            },
        }
        match self.nearest.first() {
            Some(Nearest::OutOfRange(_) | Nearest::Host(_)) => {
                write!(f, ", or a version of `{}` that accepts what is there.", self.asker.plugin)
            }
            Some(Nearest::Similar(id)) => write!(f, ", or correct the name if `{id}` was meant."),
            _ => write!(f, ", or disable `{asker}`."),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, kept, target, .. } = self;
        let (asked, had) = (&self.refused_range, &self.kept_range);
        let target = Named(target);
        line(f, format_args!("{refused} and {kept} require different versions of {target}."))?;
        let (instance, other) = (&kept.instance, &refused.instance);
        line(
            f,
            format_args!(
                "  found: `{instance}` requires {had} and gets it, `{other}` requires {asked} and cannot start"
            ),
        )?;
        line(f, format_args!("  found: {}", Few(&self.present)))?;
        write!(f, "  help: {}", Line(fmt::from_fn(|f| self.help(f))))
    }
}

impl Conflict {
    fn help(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, kept, target, .. } = self;
        match target {
            Target::Plugin(id) => write!(
                f,
                "add a second instance of plugin `{id}` pinned to {}, or use a version of `{}` or `{}` \
                 that agrees with the other.",
                self.refused_range, refused.plugin, kept.plugin
            ),
            Target::Service(name) => write!(
                f,
                "add another instance that provides `{name}` {}, or use a version of `{}` or `{}` \
                 that agrees with the other.",
                self.refused_range, refused.plugin, kept.plugin
            ),
        }
    }
}

/// The first few, separated by commas, and how many more.
struct Few<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Few<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data has it whole; a line with a thousand ids helps nobody.
        const LONGEST: usize = 12;
        f.write_str("These instances wait for each other: ")?;
        let skipped = self.links.len().saturating_sub(LONGEST);
        for (at, link) in self.links.iter().enumerate() {
            if skipped == 0 || at < LONGEST / 2 || at >= LONGEST / 2 + skipped {
                write!(f, "{} -> ", Line(&link.from))?;
            } else if at == LONGEST / 2 {
                write!(f, "({skipped} more) -> ")?;
            }
        }
        writeln!(f, "{}", Line(self.links.first().map_or("", |link| link.from.as_str())))?;
        for link in self.links.iter().take(SHOWN) {
            line(f, format_args!("  found: `{}` {}", link.from, link.because))?;
        }
        match self.links.len().saturating_sub(SHOWN) {
            0 => {}
            1 => writeln!(f, "  found: 1 more arrow")?,
            more => writeln!(f, "  found: {more} more arrows")?,
        }
        f.write_str(
            "  help: make one of these requirements optional, or disable one of the instances.",
        )
    }
}

impl fmt::Display for NoCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, plugin) = (Line(&self.instance), Line(&self.plugin));
        match (&self.pin, self.present.as_slice()) {
            (Some(pin), present @ [first, ..]) => {
                writeln!(f, "`{instance}` pins plugin `{plugin}` to {pin}, which is not there.")?;
                line(f, format_args!("  found: {}{}", Few(present), first.note()))?;
                write!(f, "  help: install plugin `{plugin}` {pin}, or change the pin.")
            }
            _ => {
                writeln!(
                    f,
                    "`{instance}` is an instance of plugin `{plugin}`, which is not there."
                )?;
                if !self.similar.is_empty() {
                    line(
                        f,
                        format_args!("  found: plugins with similar names: {}", Few(&self.similar)),
                    )?;
                }
                write!(
                    f,
                    "  help: put its library into a plugin directory (or name it in `linked`, if it is \
                     compiled in), correct its id, or disable `{instance}`."
                )
            }
        }
    }
}

impl fmt::Display for DuplicateInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (copies, id) = (self.copies, Line(&self.instance));
        writeln!(f, "{copies} instances have the id `{id}`; none is started.")?;
        f.write_str("  help: give each instance an id of its own.")
    }
}
