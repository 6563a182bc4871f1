// Sparse weights as the kernels of an instruction set want them: rows side by side in panels, repacked once at load.

internal import CESparseKernels
import ESparseCore
import Synchronization

/// N:M weights in panels of eight rows, as large as in the portable form but for the rows that fill the last panel.
struct WeightPanels: Sendable {
    private let storage: ByteStorage
    private let bytesPerPanel: Int

    static let rows = 8

    /// Repacks weights in parallel; nil where the instruction set has no panels or the weights do not suit them.
    ///
    /// Afterwards pages of a mapped checkpoint that held the portable weights are given back.
    init?(_ portable: WeightStorage, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard let pattern = portable.pattern, WeightPanels.span % pattern.group == 0, let bitmask = portable.bitmask,
            let values = portable.values, portable.rows > 0, let bytes = unsafe kernels.panels.bytes,
            let fill = unsafe kernels.panels.fill
        else { return nil }
        var size: Int64 = 0
        unsafe portable.withRows(0..<0) { size = unsafe bytes($0) }
        guard size > 0 else { return nil }
        let bytesPerPanel = Int(size)
        let count = (portable.rows + WeightPanels.rows - 1) / WeightPanels.rows
        let isWhole = Mutex(true)
        storage = unsafe ByteStorage(byteCount: count * bytesPerPanel) { target in
            nonisolated(unsafe) let base = target.baseAddress
            pool.run(count: count) { panel in
                let first = panel * WeightPanels.rows
                let run = first..<min(first + WeightPanels.rows, portable.rows)
                unsafe portable.withRows(run) { description in
                    guard let base = unsafe base else { return }
                    let place = unsafe (base + panel * bytesPerPanel).assumingMemoryBound(to: UInt8.self)
                    if unsafe fill(description, place) == 0 { isWhole.withLock { $0 = false } }
                }
            }
        }
        self.bytesPerPanel = bytesPerPanel
        guard isWhole.withLock({ $0 }) else { return nil }
        values.releasePages()
        bitmask.releasePages()
    }

    /// Columns that a panel treats as one, which groups must divide.
    private static let span = 8

    /// Bytes of all panels.
    var byteCount: Int { storage.byteCount }

    /// Calls `body` with where the panel of a row begins, which is a multiple of eight.
    func withPanel(of row: Int, _ body: (UnsafePointer<UInt8>) -> Void) {
        precondition(row % WeightPanels.rows == 0)
        unsafe storage.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe body((base + row / WeightPanels.rows * bytesPerPanel).assumingMemoryBound(to: UInt8.self))
        }
    }
}
