//! Ordered commands to the audio thread, and the way home for what they replace.
//!
//! Bounded in both directions. A command is handed out only while there is room to give back what it may replace, so
//! that the audio thread never frees; a full queue gives the command back to its sender.

use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// The queue had no room; holds the command that was not sent.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull<C>(pub C);

/// Sends commands; any number of clones on any threads.
pub struct CommandSender<C>(Arc<ArrayQueue<C>>);

impl<C> Clone for CommandSender<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> CommandSender<C> {
    /// Queues a command, or gives it back. Never waits.
    pub fn send(&self, command: C) -> Result<(), QueueFull<C>> {
        self.0.push(command).map_err(QueueFull)
    }
}

/// Takes commands on the audio thread.
pub struct CommandReceiver<C, R> {
    commands: Arc<ArrayQueue<C>>,
    retired: Arc<ArrayQueue<R>>,
}

impl<C, R> CommandReceiver<C, R> {
    /// The next command, while what it may replace has room to go home. Real-time.
    pub fn receive(&mut self) -> Option<C> {
        if self.retired.is_full() { None } else { self.commands.pop() }
    }

    /// Whether anything could go home now, for what is replaced later than its command comes. Real-time.
    pub fn has_room(&self) -> bool {
        !self.retired.is_full()
    }

    /// Sends home what a received command replaced; at most one object for each command. Real-time.
    ///
    /// Gives the object back if there is no room, which `receive` rules out.
    pub fn retire(&mut self, old: R) -> Result<(), R> {
        self.retired.push(old)
    }
}

/// Takes home what the audio thread no longer needs; drop it there.
pub struct Retired<R>(Arc<ArrayQueue<R>>);

impl<R> Retired<R> {
    /// The oldest object that came home.
    pub fn take(&mut self) -> Option<R> {
        self.0.pop()
    }
}

/// Both directions, each with room for `capacity` objects. Allocates.
pub fn command_queue<C, R>(capacity: usize) -> (CommandSender<C>, CommandReceiver<C, R>, Retired<R>) {
    let commands = Arc::new(ArrayQueue::new(capacity.max(1)));
    let retired = Arc::new(ArrayQueue::new(capacity.max(1)));
    let receiver = CommandReceiver { commands: Arc::clone(&commands), retired: Arc::clone(&retired) };
    (CommandSender(commands), receiver, Retired(retired))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_the_command_back() {
        let (sender, mut receiver, _retired) = command_queue::<u32, ()>(2);
        assert_eq!((sender.send(1), sender.send(2)), (Ok(()), Ok(())));
        assert_eq!(sender.send(3), Err(QueueFull(3)));
        assert_eq!((receiver.receive(), receiver.receive(), receiver.receive()), (Some(1), Some(2), None));
    }

    #[test]
    fn no_command_is_taken_while_nothing_can_go_home() {
        let (sender, mut receiver, mut retired) = command_queue::<u32, u32>(1);
        sender.send(1).unwrap();
        assert_eq!(receiver.receive(), Some(1));
        receiver.retire(10).unwrap();
        sender.send(2).unwrap();
        assert_eq!(receiver.receive(), None);
        assert_eq!(retired.take(), Some(10));
        assert_eq!(receiver.receive(), Some(2));
    }
}
