// Generation as a service: requests in, streams of tokens out.

import Dispatch
public import ESparseCore
public import ESparseModels
import Synchronization

/// Generates for any number of requests at once.
///
/// Requests run side by side in one KV cache; they join as slots become free, in the order in which they came, and leave when they are
/// done. A request that fails fails alone. The steps are synchronous and run one after another on a queue of the engine's own, never on
/// the caller's thread; nothing runs while there is nothing to do.
public final class GenerationEngine<B: Backend>: Sendable {
    /// A request that waits.
    private struct Submission {
        let id: Int
        let request: GenerationRequest
        /// Positions of a cache that it needs.
        let positions: Int
        let receiver: GenerationEvents.Continuation
    }

    /// What callers have asked for since the last step.
    private struct Inbox {
        var submissions: [Submission] = []
        var departures: [Int] = []
        var nextID = 0
        /// Whether the queue is at work, or about to be.
        var isRunning = false
    }

    /// What the steps work on; touched on the engine's queue only.
    private struct Work {
        var batch: GenerationBatch<B>
        var waiting: [Submission] = []
        var receivers: [Int: GenerationEvents.Continuation] = [:]
    }

    private let architecture: ModelArchitecture
    private let inbox = Mutex(Inbox())
    private let work: Mutex<Work>
    private let queue = DispatchQueue(label: "ESparse generation")

    /// An engine that runs at most `slotCount` requests side by side.
    public init(model: LanguageModel<B>, slotCount: Int) {
        architecture = model.architecture
        work = Mutex(Work(batch: GenerationBatch(model: model, slotCount: slotCount)))
    }

    /// Asks for a text.
    ///
    /// Whoever stops listening, by leaving the loop over the stream or by the end of the task around it, ends the request.
    /// - Returns: the stream of what happens. It ends with `ModelError` for a request that the model cannot run, or whose logits are no
    ///   finite numbers; with `InterruptedError`; or with the backend's error, which ends all requests that run at the time.
    public func submit(_ request: GenerationRequest) -> GenerationEvents {
        let (events, receiver) = GenerationEvents.makeStream()
        let positions: Int
        do {
            // Refused at once, however busy the engine is.
            positions = try request.positions(in: architecture)
        } catch {
            receiver.finish(throwing: error)
            return events
        }
        let mustStart = inbox.withLock { inbox in
            let id = inbox.nextID
            inbox.nextID += 1
            receiver.onTermination = { [weak self] reason in
                if case .cancelled = reason { self?.leave(id) }
            }
            inbox.submissions.append(Submission(id: id, request: request, positions: positions, receiver: receiver))
            defer { inbox.isRunning = true }
            return !inbox.isRunning
        }
        if mustStart { queue.async { self.run() } }
        return events
    }

    /// Ends a request at the next step. An engine without work has forgotten it already.
    private func leave(_ id: Int) {
        inbox.withLock { if $0.isRunning { $0.departures.append(id) } }
    }

    /// Steps until no request is left.
    private func run() {
        work.withLock { work in
            while takeIn(&work) { step(&work) }
        }
    }

    /// Lets requests leave and join; false where none is left.
    private func takeIn(_ work: inout Work) -> Bool {
        let (submissions, departures) = inbox.withLock { inbox in
            defer { (inbox.submissions, inbox.departures) = ([], []) }
            return (inbox.submissions, inbox.departures)
        }
        work.waiting += submissions
        for id in departures {
            work.batch.leave(id)
            work.receivers[id] = nil
            work.waiting.removeAll { $0.id == id }
        }
        admit(&work)
        if !work.batch.isEmpty { return true }
        return inbox.withLock { inbox in
            inbox.isRunning = !inbox.submissions.isEmpty
            return inbox.isRunning
        }
    }

    /// Lets those join that have waited longest; nobody overtakes a request that needs a larger cache.
    private func admit(_ work: inout Work) {
        work.batch.leastCapacity = work.waiting.map(\.positions).max() ?? 1
        while let next = work.waiting.first {
            do {
                guard try work.batch.join(next.request, id: next.id) else { return }
                work.receivers[next.id] = next.receiver
            } catch {
                next.receiver.finish(throwing: error)
            }
            work.waiting.removeFirst()
        }
    }

    private func step(_ work: inout Work) {
        do {
            for (id, event) in try work.batch.step() {
                guard let receiver = work.receivers[id] else { continue }
                switch event {
                case .success(let event):
                    receiver.yield(event)
                    guard case .finished = event else { continue }
                    receiver.finish()
                case .failure(let error): receiver.finish(throwing: error)
                }
                work.receivers[id] = nil
            }
        } catch {
            for receiver in work.receivers.values { receiver.finish(throwing: error) }
            work.receivers = [:]
        }
    }
}
