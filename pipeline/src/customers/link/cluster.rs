//! From links of two to groups: the strongest link first, and not every link.
//!
//! A bridge is a link without which a group falls into two (Tarjan 1974). A weak one between two parts of two or more is held back: it is how
//! strangers come to be one person.

use std::collections::HashMap;

use crate::lake::ByFingerprint;

/// Two records (their smaller position first), and how strongly they are linked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Positions of the records.
    pub ends: (u32, u32),
    /// Strength, in 2^-20 of a bit, so that no last digit of a logarithm decides.
    pub strength: i64,
    /// Which rule linked them.
    pub rule: u8,
}

/// What a group may be.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Most records.
    pub members_max: usize,
    /// Bridges below this strength are held back.
    pub bridge_from: i64,
}

/// Why a link was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldBack {
    /// It alone joined two groups, weakly.
    Bridge,
    /// The group would have had too many members.
    TooMany,
    /// Two members of the group would have been two people for certain.
    Conflict,
}

impl HeldBack {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bridge, Self::TooMany, Self::Conflict];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "weak_bridge",
            Self::TooMany => "too_many_members",
            Self::Conflict => "conflict",
        }
    }
}

/// Groups of records, and the links that were held back.
#[derive(Debug, Default, PartialEq)]
pub struct Clusters {
    /// Groups of two or more, each in the order of positions, with the strongest rule by which each member came in.
    pub groups: Vec<Vec<(u32, u8)>>,
    /// Links that were not followed.
    pub held: Vec<(Edge, HeldBack)>,
}

/// Follows `edges`; `is_conflict` says of two positions whether they are two people for certain.
pub fn cluster(mut edges: Vec<Edge>, mut is_conflict: impl FnMut(u32, u32) -> bool, guards: Guards) -> Clusters {
    edges.sort_unstable_by_key(|edge| (std::cmp::Reverse(edge.strength), edge.ends, edge.rule));
    edges.dedup_by_key(|edge| edge.ends);
    let bridges = bridges(&edges);
    let mut joined = Joined::default();
    let mut held = Vec::new();
    for (index, edge) in edges.iter().enumerate() {
        if edge.strength < guards.bridge_from && bridges.get(&index).is_some_and(|&smaller| smaller >= 2) {
            held.push((*edge, HeldBack::Bridge));
            continue;
        }
        if let Err(reason) = joined.follow(edge, &mut is_conflict, guards) {
            held.push((*edge, reason));
        }
    }
    held.sort_unstable_by_key(|(edge, _)| edge.ends);
    Clusters { groups: joined.groups(), held }
}

/// Groups as they grow.
#[derive(Debug, Default)]
struct Joined {
    root: ByFingerprint<u32, u32>,
    members: ByFingerprint<u32, Vec<(u32, u8)>>,
}

impl Joined {
    fn find(&self, position: u32) -> u32 {
        self.root.get(&position).copied().unwrap_or(position)
    }

    fn follow(&mut self, edge: &Edge, is_conflict: &mut impl FnMut(u32, u32) -> bool, guards: Guards) -> Result<(), HeldBack> {
        let (a, b) = (self.find(edge.ends.0), self.find(edge.ends.1));
        if a == b {
            return Ok(());
        }
        let of = |root: u32| self.members.get(&root).cloned().unwrap_or_else(|| vec![(root, edge.rule)]);
        let (ours, theirs) = (of(a), of(b));
        if ours.len() + theirs.len() > guards.members_max {
            return Err(HeldBack::TooMany);
        }
        if ours.iter().any(|x| theirs.iter().any(|y| is_conflict(x.0.min(y.0), x.0.max(y.0)))) {
            return Err(HeldBack::Conflict);
        }
        let root = a.min(b);
        let all = [ours, theirs].concat();
        all.iter().for_each(|member| {
            self.root.insert(member.0, root);
        });
        self.members.remove(&a.max(b));
        self.members.insert(root, all);
        Ok(())
    }

    fn groups(self) -> Vec<Vec<(u32, u8)>> {
        let mut groups: Vec<Vec<(u32, u8)>> = self.members.into_values().collect();
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups.sort_unstable();
        groups
    }
}

/// Where a walk through a component stands.
struct Walk {
    node: usize,
    via: usize,
    next: usize,
}

/// The edges without which their component falls in two, with the size of the smaller part.
fn bridges(edges: &[Edge]) -> HashMap<usize, usize> {
    let mut nodes: Vec<u32> = edges.iter().flat_map(|edge| [edge.ends.0, edge.ends.1]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut places = vec![0u32; nodes.last().map_or(0, |last| *last as usize + 1)];
    nodes.iter().zip(0..).for_each(|(position, place)| places[*position as usize] = place);
    let at = |position: u32| places[position as usize] as usize;
    let mut near: Vec<Vec<(usize, usize)>> = vec![Vec::new(); nodes.len()];
    for (index, edge) in edges.iter().enumerate() {
        let (a, b) = (at(edge.ends.0), at(edge.ends.1));
        near[a].push((b, index));
        near[b].push((a, index));
    }
    let (mut seen, mut low, mut size) = (vec![0usize; nodes.len()], vec![0usize; nodes.len()], vec![1usize; nodes.len()]);
    let mut clock = 0;
    let mut found = HashMap::new();
    for start in 0..nodes.len() {
        if seen[start] > 0 {
            continue;
        }
        let before = clock;
        let mut cuts = Vec::new();
        clock += 1;
        (seen[start], low[start]) = (clock, clock);
        let mut walk = vec![Walk { node: start, via: usize::MAX, next: 0 }];
        while let Some(step) = walk.last_mut() {
            let (node, via) = (step.node, step.via);
            if let Some(&(other, edge)) = near[node].get(step.next) {
                step.next += 1;
                if edge == via {
                    continue;
                }
                if seen[other] > 0 {
                    low[node] = low[node].min(seen[other]);
                    continue;
                }
                clock += 1;
                (seen[other], low[other]) = (clock, clock);
                walk.push(Walk { node: other, via: edge, next: 0 });
                continue;
            }
            walk.pop();
            if let Some(parent) = walk.last().map(|step| step.node) {
                low[parent] = low[parent].min(low[node]);
                size[parent] += size[node];
                if low[node] > seen[parent] {
                    cuts.push((via, size[node]));
                }
            }
        }
        let whole = clock - before;
        found.extend(cuts.into_iter().map(|(edge, part)| (edge, part.min(whole - part))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIT: i64 = 1 << 20;
    const GUARDS: Guards = Guards { members_max: 6, bridge_from: 13 * BIT };

    fn edges(edges: &[(u32, u32, i64)]) -> Vec<Edge> {
        edges.iter().map(|&(a, b, bits)| Edge { ends: (a, b), strength: bits * BIT, rule: 1 }).collect()
    }

    fn members(clusters: &Clusters) -> Vec<Vec<u32>> {
        clusters.groups.iter().map(|group| group.iter().map(|member| member.0).collect()).collect()
    }

    /// Two triangles and a bridge: weak, it is held back; strong, it makes one group of six.
    #[test]
    fn a_weak_bridge_is_held_back() {
        let triangles = [(1, 2, 20), (2, 3, 20), (1, 3, 20), (4, 5, 20), (5, 6, 20), (4, 6, 20)];
        let weak = cluster(edges(&[&triangles[..], &[(3, 4, 8)]].concat()), |_, _| false, GUARDS);
        assert_eq!(members(&weak), [vec![1, 2, 3], vec![4, 5, 6]]);
        assert_eq!(weak.held.iter().map(|(edge, why)| (edge.ends, *why)).collect::<Vec<_>>(), [((3, 4), HeldBack::Bridge)]);
        let strong = cluster(edges(&[&triangles[..], &[(3, 4, 14)]].concat()), |_, _| false, GUARDS);
        assert_eq!(members(&strong), [vec![1, 2, 3, 4, 5, 6]]);
        // A weak link of one more is no bridge between groups.
        let one_more = cluster(edges(&[&triangles[..3], &[(3, 9, 8)]].concat()), |_, _| false, GUARDS);
        assert_eq!(members(&one_more), [vec![1, 2, 3, 9]]);
    }

    #[test]
    fn too_many_and_conflicts_are_held_back() {
        let path = cluster(edges(&[(0, 1, 30), (1, 2, 29), (2, 3, 28), (3, 4, 27), (4, 5, 26), (5, 6, 25)]), |_, _| false, GUARDS);
        assert_eq!(members(&path), [vec![0, 1, 2, 3, 4, 5]]);
        assert_eq!(path.held[0].1, HeldBack::TooMany);
        let conflict = cluster(edges(&[(0, 1, 20), (1, 2, 10)]), |a, b| (a, b) == (0, 2), GUARDS);
        assert_eq!(members(&conflict), [vec![0, 1]]);
        assert_eq!(conflict.held[0].1, HeldBack::Conflict);
    }
}
