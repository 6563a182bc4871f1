// Reorders rows and columns of matrices, whatever the element type, without changing a bit of an element.

extension Tensor {
    /// The tensor with row `order[i]` of the first dimension at row `i`; shape `[order.count] + shape.dropFirst()`.
    ///
    /// Every index must be in `[0, rows)`.
    public func gatheringRows(_ order: [Int32]) -> Tensor {
        let rowBytes = columns * elementType.byteCount
        let gathered = unsafe ByteStorage(byteCount: order.count * rowBytes) { output in
            unsafe withUnsafeBytes { input in
                for (target, source) in order.enumerated() {
                    precondition(source >= 0 && Int(source) < rows)
                    let row = unsafe UnsafeRawBufferPointer(
                        rebasing: input[(Int(source) * rowBytes)...].prefix(rowBytes))
                    unsafe UnsafeMutableRawBufferPointer(rebasing: output[(target * rowBytes)...]).copyMemory(from: row)
                }
            }
        }
        return Tensor(unchecked: elementType, shape: [order.count] + shape.dropFirst(), storage: gathered)
    }

    /// The matrix `[rows, columns]` with column `order[j]` at column `j`.
    ///
    /// Every index must be in `[0, columns)`.
    public func gatheringColumns(_ order: [Int32]) -> Tensor {
        precondition(shape.count == 2 && order.allSatisfy { $0 >= 0 && Int($0) < columns })
        let gathered = unsafe ByteStorage(byteCount: rows * order.count * elementType.byteCount) { output in
            unsafe withUnsafeBytes { input in
                switch elementType.byteCount {
                case 1: unsafe gather(UInt8.self, order, from: input, to: output)
                case 2: unsafe gather(UInt16.self, order, from: input, to: output)
                case 4: unsafe gather(UInt32.self, order, from: input, to: output)
                case 8: unsafe gather(UInt64.self, order, from: input, to: output)
                default: preconditionFailure("no element has \(elementType.byteCount) bytes")
                }
            }
        }
        return Tensor(unchecked: elementType, shape: [rows, order.count], storage: gathered)
    }

    /// The matrix's elements as singles, row-major, with column `order[j]` at column `j`; nil leaves columns where they are.
    ///
    /// - Throws: `TensorError.notFloatingPoint` for integer tensors.
    package func floats(in order: Permutation?) throws(TensorError) -> [Float] {
        guard let order = order?.order else { return try floats() }
        guard elementType.isFloatingPoint else { throw .notFloatingPoint(elementType) }
        precondition(shape.count == 2 && order.count == columns)
        return unsafe withUnsafeBytes { bytes in
            unsafe [Float](unsafeUninitializedCapacity: elementCount) { output, initialized in
                switch elementType {
                case .float32:
                    unsafe widen(order, from: bytes, to: output) { (bits: UInt32) in Float(bitPattern: bits) }
                case .bfloat16:
                    unsafe widen(order, from: bytes, to: output) { (bits: UInt16) in BFloat16(bitPattern: bits).float }
                case .float16: unsafe widen(order, from: bytes, to: output) { (bits: UInt16) in Half.float(bits) }
                case .uint8, .int32, .int64: preconditionFailure("refused above")
                }
                initialized = elementCount
            }
        }
    }

    @inline(__always)
    private func widen<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ order: [Int32], from input: UnsafeRawBufferPointer, to output: UnsafeMutableBufferPointer<Float>,
        _ single: (Bits) -> Float
    ) {
        let size = MemoryLayout<Bits>.size
        for start in stride(from: 0, to: rows * columns, by: columns) {
            for (column, channel) in order.enumerated() {
                let bits = unsafe input.loadUnaligned(
                    fromByteOffset: (start + Int(channel)) * size, as: Bits.self)
                unsafe output[start + column] = single(bits)
            }
        }
    }

    private func gather<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ type: Bits.Type, _ order: [Int32], from input: UnsafeRawBufferPointer,
        to output: UnsafeMutableRawBufferPointer
    ) {
        let size = MemoryLayout<Bits>.size
        for row in 0..<rows {
            let source = row * columns * size
            let target = row * order.count * size
            for (column, channel) in order.enumerated() {
                let bits = unsafe input.loadUnaligned(fromByteOffset: source + Int(channel) * size, as: Bits.self)
                unsafe output.storeBytes(of: bits, toByteOffset: target + column * size, as: Bits.self)
            }
        }
    }

    /// A tensor over storage made to fit it, without checks.
    private init(unchecked elementType: ElementType, shape: [Int], storage: ByteStorage) {
        self.elementType = elementType
        self.shape = shape
        self.storage = storage
        byteOffset = 0
        elementCount = shape.reduce(1, *)
    }
}

extension SparseMatrix {
    /// The matrix with row `order[i]` at row `i`; columns stay as they are.
    public func gatheringRows(_ order: [Int32]) -> SparseMatrix {
        SparseMatrix(self, values: values.gatheringRows(order), bitmask: bitmask.gatheringRows(order))
    }
}
