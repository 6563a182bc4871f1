// Repacks portable weights into panels of eight rows, in parallel: what both kinds of panels share.

internal import CESparseCPU
import ESparseCore
import Synchronization

/// Makes panels of one kind out of portable weights.
///
/// Panels hold eight rows side by side, as the C kernels' `linear/panel.h` describes them; the last one is whole.
struct PanelPacking {
    /// Rows of a panel.
    static let rows = 8
    /// Rows that one or two tokens are multiplied with at once: one panel alone has too few sums to hide a multiply-add's
    /// latency.
    static let rowsAtOnce = 32
    /// Columns that a panel treats as one, which groups must divide.
    private static let span = 8

    /// Bytes of a panel.
    let bytesPerPanel: Int
    private let weights: PortableWeights
    private let format: esparse_format
    private let functions: esparse_format_kernels
    private let pool: ThreadPool

    /// nil where the weights do not suit such panels, or no kernels read them.
    init?(_ weights: PortableWeights, format: esparse_format, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard let pattern = weights.shape.pattern, Self.span % pattern.group == 0, weights.shape.rows > 0,
            let functions = kernels.functions(of: format), unsafe functions.fill != nil
        else { return nil }
        var size: Int64 = 0
        unsafe weights.withRows(0..<0, for: format) { size = unsafe functions.panel_bytes($0) }
        guard size > 0 else { return nil }
        bytesPerPanel = Int(size)
        self.weights = weights
        self.format = format
        self.functions = functions
        self.pool = pool
    }

    /// Panels of the matrix.
    var count: Int { (weights.shape.rows + Self.rows - 1) / Self.rows }

    /// These panels one behind the other, and how filling each ended.
    func fill(_ panels: [Int]) -> (ByteStorage, [esparse_fill]) {
        let outcomes = Mutex([esparse_fill](repeating: esparse_fill_done, count: panels.count))
        let storage = unsafe ByteStorage(byteCount: panels.count * bytesPerPanel) { target in
            nonisolated(unsafe) let base = target.baseAddress
            pool.run(count: panels.count) { index in
                let first = panels[index] * Self.rows
                let rows = first..<min(first + Self.rows, weights.shape.rows)
                unsafe weights.withRows(rows, for: format) { description in
                    guard let base = unsafe base else { return }
                    let place = unsafe (base + index * bytesPerPanel).assumingMemoryBound(to: UInt8.self)
                    let outcome = unsafe functions.fill(description, place)
                    if outcome != esparse_fill_done { outcomes.withLock { $0[index] = outcome } }
                }
            }
        }
        return (storage, outcomes.withLock { $0 })
    }
}

extension ByteStorage {
    /// Calls `body` with where a panel of `bytesPerPanel` that begins with `row` lies; `row` must be a multiple of eight.
    func withPanel(of row: Int, bytesPerPanel: Int, _ body: (UnsafePointer<UInt8>) -> Void) {
        precondition(row % PanelPacking.rows == 0, "a panel begins at a multiple of \(PanelPacking.rows) rows")
        unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe body((base + row / PanelPacking.rows * bytesPerPanel).assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Where its bytes lie.
    var run: (address: UInt, byteCount: Int) {
        unsafe withUnsafeBytes { bytes in (UInt(bitPattern: bytes.baseAddress), bytes.count) }
    }
}
