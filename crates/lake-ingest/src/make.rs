//! From the rows of one table to staged segments, and what the commit must say and
//! expect of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use lake_core::edit::{Action, Expect, Receipt};
use lake_core::mask::{Owners, Stretch};
use lake_core::schema::FieldId;
use lake_core::segment::{Part, Segment};
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::value::Value;
use lake_log::Snapshot;
use lake_store::{Root, Stopwatch};
use rayon::prelude::*;

use crate::block::{Block, Pile};
use crate::error::{IngestError, Result};
use crate::fill::fill;
use crate::kit::Kit;
use crate::layout::{ends_of, pieces, span};
use crate::meter::Phase;
use crate::options::{Layout, Mode, Options};
use crate::overlap::settle;
use crate::rejects::Gate;
use crate::source::{Chunk, Source};
use crate::split::{Equal, Group, Keys, groups};
use crate::stored::Stored;
use lake_segment::{Blank, Files};

/// From so many rows on, all processors work.
const MANY_ROWS: usize = 64 * 1024;
/// Of the memory an ingest may take, the part that holds rows as they came: sorting
/// and encoding take the rest.
pub(crate) const PILE_SHARE: usize = 4;

/// The stored rows a mode has to look at, leased while it does.
pub(crate) struct Seen<'a> {
    pub(crate) root: &'a Root,
    pub(crate) snapshot: &'a Snapshot,
}

/// One table's part of a transaction in the making.
pub(crate) struct Maker<'a> {
    pub(crate) table: &'a Table,
    pub(crate) kit: &'a Kit,
    pub(crate) options: &'a Options,
    pub(crate) layout: Layout,
    pub(crate) files: &'a Files,
    pub(crate) root: &'a Root,
    pub(crate) seen: Option<Seen<'a>>,
}

/// What became of the rows.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) staged: Vec<(Part, Segment)>,
    expects: Vec<Expect>,
    /// By partition, what of the stored rows is replaced.
    replaced: BTreeMap<Vec<Symbol>, Stretch>,
    rows_in: u64,
    superseded: u64,
    through_row: Option<u64>,
}

type Ends<'a> = (Option<&'a Value>, Option<&'a Value>);

/// How a mode treats a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) mode: Mode,
    pub(crate) keep_nulls: bool,
    last_wins: bool,
    keyed: bool,
}

impl Way {
    pub(crate) fn of(table: &Table, options: &Options) -> Result<Way> {
        let keyed = !table.def.key.is_empty();
        let mode = options.mode.unwrap_or(if keyed { Mode::Upsert } else { Mode::Append });
        if !keyed && (matches!(mode, Mode::Upsert | Mode::Ignore) || options.keep_nulls) {
            return Err(IngestError::NoKey(table.def.name.clone()));
        }
        if mode == Mode::ReplaceRange && table.def.range_columns().is_empty() {
            return Err(IngestError::NoOrder(table.def.name.clone()));
        }
        if options.keep_nulls && mode != Mode::Upsert {
            return Err(IngestError::KeepNulls);
        }
        let Options { keep_nulls, last_wins, .. } = *options;
        Ok(Way { mode, keep_nulls, last_wins, keyed })
    }

    /// Whether what is stored decides what is written.
    pub(crate) fn looks(self) -> bool {
        self.keep_nulls || (self.keyed && matches!(self.mode, Mode::Append | Mode::Ignore))
    }

    fn equal(self) -> Equal {
        match self.mode {
            _ if !self.keyed || self.keep_nulls => Equal::Keep,
            Mode::Append => Equal::Refuse,
            Mode::Ignore if !self.last_wins => Equal::FirstWins,
            Mode::Ignore => Equal::LastWins,
            Mode::Upsert | Mode::ReplaceRange | Mode::Replace => Equal::LastWins,
        }
    }
}

impl Maker<'_> {
    /// Reads the source to its end, a block of rows at a time: while one is staged the
    /// next is read. What goes wrong first in the order of the input is the error.
    pub(crate) fn make(&self, source: &mut dyn Source, gate: &mut Gate) -> Result<Made> {
        let way = Way::of(self.table, self.options)?;
        let mut made = Made { through_row: self.options.through_row, ..Made::default() };
        self.options.meter.enter(Phase::Reading);
        let blocks = match way.keep_nulls {
            true => self.make_one(way, source, gate, &mut made)?,
            false => self.make_all(way, source, gate, &mut made)?,
        };
        if blocks > 1 && way.keyed {
            let first_wins = way.equal() == Equal::FirstWins;
            let twice = settle(self, &mut made.staged, first_wins)?;
            if twice > 0 && way.equal() == Equal::Refuse {
                return Err(IngestError::SameKeys(twice));
            }
            made.superseded += twice;
        }
        made.rows_in += gate.count();
        Ok(made)
    }

    /// Returns how many blocks there were.
    fn make_all(
        &self,
        way: Way,
        source: &mut dyn Source,
        gate: &mut Gate,
        made: &mut Made,
    ) -> Result<u64> {
        let (most, parts) = (self.options.memory / PILE_SHARE, partition_columns(self.table));
        let mut piles = Piles { maker: self, source, gate, most, parts, rest: None, ended: false };
        let failed = AtomicBool::new(false);
        let mut next = piles.next(&failed)?;
        let mut blocks = 0;
        while let Some(pile) = next {
            blocks += 1;
            made.rows_in += pile.rows() as u64;
            let block = pile.into_block(self.kit.format.schema())?;
            // With nothing to do beside it no thread is woken.
            if piles.ended {
                self.stage(way, block, None, made)?;
                break;
            }
            let mut read = None;
            // Staging stays on this thread: were it on any, each of them would keep the
            // memory that it takes.
            let staged = rayon::in_place_scope(|scope| {
                scope.spawn(|_| read = Some(piles.next(&failed)));
                let staged = self.stage(way, block, None, made);
                failed.store(staged.is_err(), Ordering::Relaxed);
                staged
            });
            staged?;
            next = read.transpose()?.flatten();
        }
        Ok(blocks)
    }

    /// All rows in one block: those that are put together with stored ones have to pass
    /// the gate, too.
    fn make_one(
        &self,
        way: Way,
        source: &mut dyn Source,
        gate: &mut Gate,
        made: &mut Made,
    ) -> Result<u64> {
        let mut pile = Pile::new(self.options.memory / PILE_SHARE);
        while let Some(chunk) = self.next(source, gate)? {
            if pile.is_full() && chunk.batch.num_rows() > 0 {
                return Err(IngestError::TooMuch("--keep-nulls holds all rows in memory"));
            }
            pile.push(chunk);
        }
        if pile.rows() == 0 {
            return Ok(0);
        }
        made.rows_in += pile.rows() as u64;
        let block = pile.into_block(self.kit.format.schema())?;
        self.stage(way, block, Some(gate), made)?;
        Ok(1)
    }

    /// The next rows that are to be stored.
    fn next(&self, source: &mut dyn Source, gate: &mut Gate) -> Result<Option<Chunk>> {
        let (meter, before) = (&self.options.meter, gate.count());
        let chunk = source.next(gate)?;
        let rows = chunk.as_ref().map_or(0, |chunk| chunk.batch.num_rows() as u64);
        let rows = rows + (gate.count() - before);
        let chunk = chunk.map(|chunk| self.kit.check(chunk, gate)).transpose()?;
        meter.add_rows(rows, gate.count() - before);
        if chunk.is_none() {
            meter.enter(Phase::Writing);
        }
        Ok(chunk)
    }

    /// `gate`: for rows that are put together with stored ones.
    fn stage(
        &self,
        way: Way,
        block: Block,
        gate: Option<&mut Gate>,
        made: &mut Made,
    ) -> Result<()> {
        let def = &self.table.def;
        let mut groups = groups(def, &block)?;
        let keys = Keys::of(def, &block.batch)?;
        let arrange = |group: &mut Group| group.arrange(&keys, way.equal(), &block);
        made.superseded += match block.batch.num_rows() > MANY_ROWS {
            true => groups.par_iter_mut().map(arrange).sum::<Result<u64>>()?,
            false => groups.iter_mut().map(arrange).sum::<Result<u64>>()?,
        };
        let mut block = block;
        if let Some(seen) = &self.seen {
            self.look(way, seen, &keys, &mut block, &mut groups, made)?;
        }
        if let Some(gate) = gate {
            made.rows_in -= self.check_filled(&block, &mut groups, gate)?;
        }
        if matches!(way.mode, Mode::ReplaceRange | Mode::Replace) {
            self.replace(way, &block, &groups, &mut made.replaced)?;
        }
        let pieces = pieces(def, &mut groups, self.layout);
        self.files.announce(pieces.len());
        let write = |piece: &crate::layout::Piece| -> Result<(Part, Segment)> {
            let (table, format, part) = (self.table, &self.kit.format, &piece.part);
            let is_pack = piece.span.is_some();
            let ends = match is_pack {
                true => piece.ends(def, &groups, &block.batch),
                false => Vec::new(),
            };
            let tell = || piece.census(&groups, &ends, self.files.producer());
            let census = is_pack.then_some(&tell as _);
            let blank = Blank { table, format, part, rows: piece.rows, census, copies: None };
            let mut segment = self.files.write(&blank, piece.windows(&groups, &block.batch))?;
            if is_pack {
                segment.range = span(&ends);
                segment.symbols.clone_from(&piece.span);
            }
            Ok((piece.part.clone(), segment))
        };
        // A few small segments are done sooner than threads are woken.
        let written: Vec<_> = match pieces.len() > 1 && block.batch.num_rows() > MANY_ROWS / 8 {
            true => pieces.par_iter().map(write).collect::<Result<_>>()?,
            false => pieces.iter().map(write).collect::<Result<_>>()?,
        };
        made.staged.extend(written);
        Ok(())
    }

    /// Lets what is stored decide, and makes the commit depend on its staying so.
    fn look(
        &self,
        way: Way,
        seen: &Seen<'_>,
        keys: &Keys,
        block: &mut Block,
        groups: &mut Vec<Group>,
        made: &mut Made,
    ) -> Result<()> {
        let def = &self.table.def;
        let Some(table) = seen.snapshot.state().table_by_id(def.id) else { return Ok(()) };
        let (since, id) = (seen.snapshot.version(), def.id);
        let mut all: Option<lake_core::value::Range> = None;
        let mut known = true;
        for group in &*groups {
            let range = ends_of(def, group, &block.batch);
            known &= range.is_some();
            all = match (all, &range) {
                (Some(all), Some(range)) => Some(all.join(range)),
                (None, range) => range.clone(),
                (all, None) => all,
            };
            let part = Part::Of(group.symbols.clone());
            made.expects.push(Expect::Untouched { table: id, part, since, range });
        }
        let range = all.filter(|_| known);
        if !def.partition_by.is_empty() {
            let part = Part::Packed;
            made.expects.push(Expect::Untouched { table: id, part, since, range });
        }
        let stored = Stored::of(seen.root, table, block, groups)?;
        match way.mode {
            Mode::Append => stored.refuse(def, block)?,
            Mode::Ignore => made.superseded += stored.leave_out(groups),
            _ => made.superseded += fill(def, keys, block, groups, &stored)?,
        }
        groups.retain(|group| !group.rows.is_empty());
        Ok(())
    }

    /// A row that was put together of several may break a CHECK that each of them keeps.
    /// Returns how many do.
    fn check_filled(&self, block: &Block, groups: &mut Vec<Group>, gate: &mut Gate) -> Result<u64> {
        let before = gate.count();
        let place = |row| block.place(row);
        if let Some(keep) = self.kit.kept(&block.batch, &place, gate)? {
            groups.iter_mut().for_each(|g| g.rows.retain(|row| keep[*row as usize]));
            groups.retain(|group| !group.rows.is_empty());
        }
        Ok(gate.count() - before)
    }

    fn replace(
        &self,
        way: Way,
        block: &Block,
        groups: &[Group],
        replaced: &mut BTreeMap<Vec<Symbol>, Stretch>,
    ) -> Result<()> {
        for group in groups {
            if way.mode == Mode::Replace {
                replaced.insert(group.symbols.clone(), Stretch::whole());
                continue;
            }
            let range = ends_of(&self.table.def, group, &block.batch);
            let ends =
                range.and_then(|r| Some((r.min().first()?.clone(), r.max().first()?.clone())));
            let Some((from, to)) = ends else {
                return Err(IngestError::NullOrder(self.table.def.name.clone()));
            };
            match replaced.get_mut(&group.symbols) {
                Some(Stretch { from: Some(least), to: Some(most) }) => {
                    *least = from.min(least.clone());
                    *most = to.max(most.clone());
                }
                _ => {
                    let stretch = Stretch { from: Some(from), to: Some(to) };
                    replaced.insert(group.symbols.clone(), stretch);
                }
            }
        }
        Ok(())
    }
}

/// The rows of a source, as many at a time as are held.
struct Piles<'a> {
    maker: &'a Maker<'a>,
    source: &'a mut dyn Source,
    gate: &'a mut Gate,
    /// Bytes of the first.
    most: usize,
    /// The columns that part the rows.
    parts: Vec<usize>,
    /// What goes before the next rows.
    rest: Option<Pile>,
    ended: bool,
}

impl Piles<'_> {
    /// `failed`: no more is wanted.
    fn next(&mut self, failed: &AtomicBool) -> Result<Option<Pile>> {
        let rest = self.rest.take();
        let is_first = rest.is_none();
        let mut pile = rest.unwrap_or_else(|| Pile::new(self.most));
        let mut is_full = false;
        while !self.ended && !is_full && !failed.load(Ordering::Relaxed) {
            match self.maker.next(self.source, self.gate)? {
                Some(chunk) => {
                    pile.push(chunk);
                    is_full = pile.is_full();
                }
                None => self.ended = true,
            }
        }
        if !self.ended {
            // The first might have been all there is. As it is not, it is too much: from
            // here on one block is being staged while the next piles up.
            let most = self.most / 3 * 2;
            let behind = if is_first { pile.half() } else { pile.rows() };
            let behind = pile.split_off(behind, most);
            // Blocks of an input in the order of its partitions share none, and need no
            // merge.
            let mut rest = pile.split_off(pile.whole_partitions(&self.parts), most);
            rest.append(behind);
            self.rest = Some(rest);
        }
        Ok((pile.rows() > 0).then_some(pile))
    }
}

fn partition_columns(table: &Table) -> Vec<usize> {
    let fields = &table.schema().fields;
    let at = |id: &FieldId| fields.iter().position(|f| f.id == *id);
    table.def.partition_by.iter().filter_map(at).collect()
}

impl Made {
    pub(crate) fn is_nothing(&self) -> bool {
        self.staged.is_empty() && self.replaced.is_empty()
    }

    pub(crate) fn receipt(&self, table: &Table, gate: &Gate, watch: &Stopwatch) -> Receipt {
        Receipt {
            table: table.def.name.as_str().into(),
            rows_in: self.rows_in,
            rows_written: self.staged.iter().map(|(_, s)| s.rows).sum(),
            rows_superseded: self.superseded,
            rows_rejected: gate.count(),
            segments: self.staged.len() as u64,
            bytes: self.staged.iter().map(|(_, s)| s.bytes).sum(),
            elapsed_ms: watch.elapsed().as_millis() as u64,
            through_row: self.through_row,
            sums: None,
        }
    }

    /// What is replaced goes before what is added.
    pub(crate) fn hides(&self, table: &Table) -> Vec<Action> {
        let mut by_stretch: HashMap<Ends<'_>, Vec<Vec<Symbol>>> = HashMap::new();
        for (symbols, stretch) in &self.replaced {
            let ends = (stretch.from.as_ref(), stretch.to.as_ref());
            by_stretch.entry(ends).or_default().push(symbols.clone());
        }
        let hide = |((from, to), owners): (Ends<'_>, _)| Action::Hide {
            table: table.def.id,
            owners: Some(Owners::new(owners)),
            stretch: Stretch { from: from.cloned(), to: to.cloned() },
        };
        by_stretch.into_iter().map(hide).collect()
    }

    pub(crate) fn adds(self, table: &Table) -> (Vec<Expect>, Vec<Action>) {
        let id = table.def.id;
        let mut by_part: BTreeMap<Part, Vec<Segment>> = BTreeMap::new();
        for (part, segment) in self.staged {
            by_part.entry(part).or_default().push(segment);
        }
        let mut expects = self.expects;
        expects.push(Expect::Schema { table: id, version: table.schema().version });
        let add = |(part, segments)| Action::Add { table: id, part, segments };
        (expects, by_part.into_iter().map(add).collect())
    }
}
