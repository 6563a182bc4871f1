// Cosines and sines of rotary positions, computed once for all layers of a model.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rows `[position, 2, frequency]`: cosines, then sines, of `position * frequency` radians; grows as positions are asked for.
final class RotaryTable: Sendable {
    private struct State {
        var positionCount = 0
        var rows: FloatBuffer?
    }

    private let frequencies: [Float]
    private let pool: BufferPool
    private let state = Mutex(State())

    init(frequencies: [Float], pool: BufferPool) {
        self.frequencies = frequencies
        self.pool = pool
    }

    /// A table of at least positions `[0, positionCount)`, never written again.
    func rows(positionCount: Int) -> FloatBuffer {
        state.withLock { state in
            if let rows = state.rows, state.positionCount >= positionCount { return rows }
            var newCount = 256
            while newCount < positionCount { newCount *= 2 }
            let rows = pool.buffer(count: newCount * 2 * frequencies.count)
            for position in 0..<newCount {
                let row = unsafe rows.start + position * 2 * frequencies.count
                for (index, frequency) in frequencies.enumerated() {
                    let angle = Double(position) * Double(frequency)
                    unsafe row[index] = Float(cos(angle))
                    unsafe row[frequencies.count + index] = Float(sin(angle))
                }
            }
            state.positionCount = newCount
            state.rows = rows
            return rows
        }
    }
}

/// One table for all layers with the same frequencies.
final class RotaryTables: Sendable {
    private let tables = Mutex<[[Float]: RotaryTable]>([:])

    func table(frequencies: [Float], pool: BufferPool) -> RotaryTable {
        tables.withLock { tables in
            if let table = tables[frequencies] { return table }
            let table = RotaryTable(frequencies: frequencies, pool: pool)
            tables[frequencies] = table
            return table
        }
    }
}
