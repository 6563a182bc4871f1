// Random linears with adversarial values, and the plain product in double precision they are held against.

import ESparseCPU
import ESparseCore

/// Values that find different mistakes.
enum ValueKind: String, CaseIterable {
    /// Normal numbers around 1.
    case ordinary
    /// Magnitudes from 1e-6 to 1e4 side by side, and many zeros.
    case spread
    /// Neighbours cancel exactly: what is left is rounding.
    case cancelling
    /// Infinities, NaN, subnormals and zeros of both signs among normal numbers.
    case hostile

    /// The kinds whose products and sums are finite.
    static let finite: [ValueKind] = [.ordinary, .spread, .cancelling]

    func value(_ index: Int, _ random: inout SeededRandom) -> Float {
        let normal = Float(random.uniform() + random.uniform() + random.uniform() - 1.5) * 2
        switch self {
        case .ordinary: return normal
        case .spread:
            let kind = random.integer(below: 6)
            return kind == 0 ? 0 : normal * [1, 1e-6, 1e4, 1e-3, 1][kind - 1]
        case .cancelling: return index % 2 == 0 ? 1.5 : -1.5
        case .hostile:
            let specials: [Float] = [.infinity, -.infinity, .nan, 0x1p-140, -0x1p-149, 0, -0.0, 0x1p-126]
            let kind = random.integer(below: 200)
            return kind < specials.count ? specials[kind] : normal
        }
    }
}

/// A linear as a checkpoint would hold it, with the dense weights it stands for.
struct LinearCase {
    let weight: LinearWeight
    let bias: Tensor?
    /// What the stored elements are, `[R, C]`, zero where not kept.
    let dense: [Float]
    /// Which of them are stored, `[R, C]`.
    let kept: [Bool]
    let rows: Int
    let columns: Int

    init(
        rows: Int, columns: Int, pattern: SparsityPattern?, element: ElementType, hasBias: Bool, kind: ValueKind,
        random: inout SeededRandom
    ) throws {
        self.rows = rows
        self.columns = columns
        var kept = [Bool](repeating: true, count: rows * columns)
        if let pattern {
            for start in stride(from: 0, to: rows * columns, by: pattern.group) {
                var places = Array(start..<(start + pattern.group))
                for _ in pattern.kept..<pattern.group {
                    kept[places.remove(at: random.integer(below: places.count))] = false
                }
            }
        }
        var dense = [Float](repeating: 0, count: rows * columns)
        var values: [Float] = []
        for index in dense.indices where kept[index] {
            let value = element.rounded(kind.value(index, &random))
            dense[index] = value
            values.append(value)
        }
        self.dense = dense
        self.kept = kept
        let valueColumns = pattern.map { columns / $0.group * $0.kept } ?? columns
        let tensor = try Tensor(
            elementType: element, shape: [rows, valueColumns], storage: element.storage(values))
        if let pattern {
            let stride = (columns + 7) / 8
            var mask = [UInt8](repeating: 0, count: rows * stride)
            for index in dense.indices where kept[index] {
                let column = index % columns
                mask[index / columns * stride + column / 8] |= 1 << UInt8(column % 8)
            }
            let bitmask = try Tensor(
                elementType: .uint8, shape: [rows, stride], storage: ByteStorage(copying: mask))
            weight = LinearWeight(
                matrix: .sparse(
                    try SparseMatrix(
                        rows: rows, columns: columns, pattern: pattern, values: tensor, bitmask: bitmask)))
        } else {
            weight = LinearWeight(matrix: .dense(tensor))
        }
        bias = hasBias ? try Tensor((0..<rows).map { kind.value($0, &random) }, shape: [rows]) : nil
    }

    /// y = x W^T + b + old in double precision, and for each element the sum of the magnitudes of what is added.
    func reference(
        input: [Float], tokens: Int, precision: Precision, old: [Float]?
    ) throws -> (values: [Double], magnitudes: [Double]) {
        let biases = try bias?.floats()
        func exact(_ value: Float) -> Double { Double(precision == .bfloat16 ? BFloat16(value).float : value) }
        let weights = dense.map(exact)
        let inputs = input.map(exact)
        var values = [Double](repeating: 0, count: tokens * rows)
        var magnitudes = values
        for token in 0..<tokens {
            for row in 0..<rows {
                var sum = Double(old?[token * rows + row] ?? 0) + Double(biases?[row] ?? 0)
                var magnitude = abs(Double(old?[token * rows + row] ?? 0)) + abs(Double(biases?[row] ?? 0))
                for column in 0..<columns where kept[row * columns + column] {
                    let product = weights[row * columns + column] * inputs[token * columns + column]
                    sum += product
                    magnitude += abs(product)
                }
                values[token * rows + row] = sum
                magnitudes[token * rows + row] = magnitude
            }
        }
        return (values, magnitudes)
    }
}

extension ElementType {
    /// The nearest value of this type.
    func rounded(_ value: Float) -> Float {
        switch self {
        case .bfloat16: BFloat16(value).float
        case .float16: Float(Float16(value))
        default: value
        }
    }

    /// Values of this type in memory.
    func storage(_ values: [Float]) -> ByteStorage {
        switch self {
        case .bfloat16: ByteStorage(copying: values.map { BFloat16($0).bitPattern })
        case .float16: ByteStorage(copying: values.map { Float16($0).bitPattern })
        default: ByteStorage(copying: values)
        }
    }
}

extension CPULinear {
    /// Multiplies arrays; input and output lie right before memory that must not be touched.
    func product(input: [Float], tokens: Int, old: [Float]?, pool: ThreadPool) -> [Float] {
        precondition(input.count == tokens * columns)
        return unsafe withGuardedFloats(input) { inputBase in
            let start = old ?? [Float](repeating: .nan, count: tokens * rows)
            return unsafe withGuardedFloats(start) { outputBase in
                unsafe multiply(
                    input: inputBase, tokens: tokens, output: outputBase, accumulate: old != nil, pool: pool)
                return unsafe Array(UnsafeBufferPointer(start: outputBase, count: tokens * rows))
            }
        }
    }
}
