//! A thousand linked plugins that depend on each other as those of an application do.
//!
//! Ten stand on nothing. Every other one requires three of those before it, and of these the first half
//! only, so that there are some seven levels. Each answers a route and hears of an event; every tenth
//! has a middleware.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Event, EventHandler, LinkedPlugin, Middleware, Next, NoConfig, Plugin,
    Request, Response, Result, handler_fn,
};

pub const THOUSAND: usize = 1000;

/// The first so many; what they require is among them.
pub fn plugins(count: usize) -> Vec<LinkedPlugin> {
    let mut all = Vec::with_capacity(THOUSAND);
    all.extend(hundred::<0>());
    all.extend(hundred::<1>());
    all.extend(hundred::<2>());
    all.extend(hundred::<3>());
    all.extend(hundred::<4>());
    all.extend(hundred::<5>());
    all.extend(hundred::<6>());
    all.extend(hundred::<7>());
    all.extend(hundred::<8>());
    all.extend(hundred::<9>());
    all.truncate(count);
    all
}

fn hundred<const H: usize>() -> [LinkedPlugin; 100] {
    macro_rules! all {
        ($($tens:literal)*) => { all!(@ [$($tens)*] [0 1 2 3 4 5 6 7 8 9]) };
        (@ [$($tens:literal)*] $units:tt) => { [$(all!(# $tens $units)),*] };
        (# $tens:literal [$($units:literal)*]) => {
            [$(plugin::<Numbered<H, { $tens * 10 + $units }>>()),*]
        };
    }
    let tens = all!(0 1 2 3 4 5 6 7 8 9);
    std::array::from_fn(|at| tens[at / 10][at % 10])
}

fn plugin<M: hotshoe::__private::ManifestSource>() -> LinkedPlugin {
    hotshoe::__private::linked::<Member, M>()
}

hotshoe::__manifest! { Root, id = "member-@@@", permissions = ["events.subscribe:go"] }
hotshoe::__manifest! {
    Above,
    id = "member-@@@",
    requires = [plugin "member-@@@" = "^0.1", plugin "member-@@@" = ">=0.1.0", plugin "member-@@@" = "*"],
    permissions = ["events.subscribe:go"],
}

/// The manifest of the plugin of this number: hundreds, and the rest.
struct Numbered<const H: usize, const R: usize>;

impl<const H: usize, const R: usize> Numbered<H, R> {
    const NUMBER: usize = H * 100 + R;
    const ROOT: [u8; Root::BYTES.len()] = filled(Root::BYTES, Self::NUMBER);
    const ABOVE: [u8; Above::BYTES.len()] = filled(Above::BYTES, Self::NUMBER);
}

impl<const H: usize, const R: usize> hotshoe::__private::ManifestSource for Numbered<H, R> {
    const TEXT: &'static str = hotshoe::__private::text(match Self::NUMBER {
        ..10 => &Self::ROOT,
        _ => &Self::ABOVE,
    });
}

/// Writes numbers in place of `@@@`: first the plugin's own, then those that it requires.
const fn filled<const N: usize>(mut text: [u8; N], own: usize) -> [u8; N] {
    let (mut at, mut found) = (0, 0);
    while at + 2 < N {
        if text[at] == b'@' && text[at + 1] == b'@' && text[at + 2] == b'@' {
            let half = if own < 2 { 1 } else { own / 2 };
            let number = if found == 0 { own } else { (own * 7919 + found * 104_729) % half };
            text[at] = b'0' + (number / 100) as u8;
            text[at + 1] = b'0' + (number / 10 % 10) as u8;
            text[at + 2] = b'0' + (number % 10) as u8;
            found += 1;
        }
        at += 1;
    }
    text
}

struct Member {
    id: String,
}

impl Plugin for Member {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { id: context.instance().to_owned() })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let path = format!("/{}/{{name}}", self.id);
        to.handler("GET", &path, handler_fn(async |_: Request| Ok(Response::new(204))));
        to.subscribe("go", self.clone());
        if self.id.ends_with('0') {
            to.middleware(PassOn(format!("/{}", self.id)));
        }
    }
}

impl EventHandler for Member {
    async fn handle(&self, _: Event) -> Result<()> {
        Ok(())
    }
}

struct PassOn(String);

impl Middleware for PassOn {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        next.run(request).await
    }

    fn paths(&self) -> Vec<String> {
        vec![self.0.clone()]
    }
}
