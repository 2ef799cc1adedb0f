//! The memory of everything that is kept: blocks of one size, taken and given back.
//!
//! What is kept outlives the calls around it by hours. In pieces among their memory it would keep whole pages of that
//! from going back to the kernel; here it lies by itself.

/// Octets of a block: a few messages of a usual call.
pub const BLOCK: usize = 2_048;
/// Blocks that are made at once.
const AT_ONCE: usize = 128;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId(u16);

/// See the module.
#[derive(Default)]
pub struct Blocks {
    chunks: Vec<Box<[u8]>>,
    free: Vec<BlockId>,
}

/// Says how much there is, and nothing of what is in it.
impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks")
            .field("chunks", &self.chunks.len())
            .field("free", &self.free.len())
            .finish()
    }
}

impl Blocks {
    /// A block with anything in it; none when there are as many as can be numbered.
    pub fn take(&mut self) -> Option<BlockId> {
        if self.free.is_empty() {
            let first = self.chunks.len() * AT_ONCE;
            let last = u16::try_from(first + AT_ONCE - 1).ok()?;
            self.chunks.push(vec![0; AT_ONCE * BLOCK].into());
            let first = u16::try_from(first).ok()?;
            self.free.extend((first..=last).rev().map(BlockId));
        }
        self.free.pop()
    }

    pub fn give_back(&mut self, block: BlockId) {
        self.free.push(block);
    }

    pub fn get(&self, block: BlockId) -> &[u8] {
        let (chunk, start) = place(block);
        let chunk = self.chunks.get(chunk);
        chunk
            .and_then(|chunk| chunk.get(start..start + BLOCK))
            .unwrap_or_default()
    }

    pub fn get_mut(&mut self, block: BlockId) -> &mut [u8] {
        let (chunk, start) = place(block);
        let chunk = self.chunks.get_mut(chunk);
        chunk
            .and_then(|chunk| chunk.get_mut(start..start + BLOCK))
            .unwrap_or_default()
    }
}

#[cfg(test)]
impl Blocks {
    /// Everything that lies in memory.
    pub fn contain(&self, text: &[u8]) -> bool {
        let mut all = self.chunks.iter();
        all.any(|chunk| chunk.windows(text.len()).any(|w| w == text))
    }
}

fn place(block: BlockId) -> (usize, usize) {
    let at = usize::from(block.0);
    (at / AT_ONCE, at % AT_ONCE * BLOCK)
}
