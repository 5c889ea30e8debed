//! What the cluster's servers do, right and wrong.

/// What the nameserver does with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dns {
    Good,
    /// Nobody listens.
    Closed,
    /// It reads, and never answers.
    Silent,
    ServFail,
    Refused,
    /// It knows no name of the cluster.
    OtherZone,
    /// What it sends is no DNS.
    Garbage,
    /// It answers another question.
    OtherQuestion,
    /// From an address that was not asked.
    OtherSource,
    OverTcpAlone,
    /// One byte a second, over TCP alone.
    Drip,
}

/// What the API server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Good,
    Closed,
    /// Accepts and closes.
    Closes,
    /// Accepts and says nothing.
    Hangs,
    /// Answers in plain HTTP.
    Plain,
}

/// What the web server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Web {
    Good,
    Closed,
    Closes,
    Hangs,
    /// Status 500.
    Fails,
    Garbage,
    /// One byte of a good answer each second.
    Drip,
    /// A header that never ends.
    Flood,
}

/// How all of them are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    pub dns: Dns,
    pub api: Api,
    pub web: Web,
    /// The plain target at 5432 listens.
    pub plain: bool,
}

impl Manners {
    pub const GOOD: Manners =
        Manners { dns: Dns::Good, api: Api::Good, web: Web::Good, plain: true };
}
