// A tensor as a checkpoint holds it: type, shape and a place in storage.

/// An immutable, contiguous, row-major tensor.
///
/// Element `[i, j]` of a `[rows, columns]` tensor is at byte `byteOffset + (i * columns + j) * elementType.byteCount`.
public struct Tensor: Sendable {
    /// Type of the elements.
    public let elementType: ElementType
    /// Extent of each dimension, slowest first. Linear weights are `[output channels, input channels]`.
    public let shape: [Int]
    /// The bytes the tensor lies in.
    public let storage: ByteStorage
    /// Where the first element starts in `storage`.
    public let byteOffset: Int
    /// Number of elements: the product of `shape`.
    public let elementCount: Int

    /// Places a tensor in storage.
    ///
    /// - Throws: `TensorError` when the shape is negative or overflows, or the bytes do not fit the storage.
    public init(elementType: ElementType, shape: [Int], storage: ByteStorage, byteOffset: Int = 0) throws(TensorError) {
        let elementCount = try Tensor.elementCount(of: shape)
        let (byteCount, overflow) = elementCount.multipliedReportingOverflow(by: elementType.byteCount)
        guard !overflow, byteOffset >= 0, byteOffset <= storage.byteCount, byteCount <= storage.byteCount - byteOffset
        else {
            throw .outsideStorage(shape: shape, byteOffset: byteOffset, available: storage.byteCount)
        }
        self.elementType = elementType
        self.shape = shape
        self.storage = storage
        self.byteOffset = byteOffset
        self.elementCount = elementCount
    }

    /// Copies `values` into a new F32 tensor of this shape.
    ///
    /// - Throws: `TensorError` when the number of values is not the product of `shape`.
    public init(_ values: [Float], shape: [Int]) throws(TensorError) {
        let count = try Tensor.elementCount(of: shape)
        guard count == values.count else { throw .countMismatch(shape: shape, count: values.count) }
        try self.init(elementType: .float32, shape: shape, storage: ByteStorage(copying: values))
    }

    /// Number of bytes the elements take.
    public var byteCount: Int { elementCount * elementType.byteCount }

    /// First dimension of a matrix or vector: output channels of a linear weight; 1 for a scalar.
    public var rows: Int { shape.first ?? 1 }

    /// Elements in one row: the product of all dimensions but the first.
    public var columns: Int { shape.dropFirst().reduce(1, *) }

    /// The product of the dimensions.
    ///
    /// - Throws: `TensorError.invalidShape` when a dimension is negative or the product overflows.
    public static func elementCount(of shape: [Int]) throws(TensorError) -> Int {
        // A zero must not hide an overflow of the others, so rows and columns are multiplied separately as well.
        var product = 1
        for dimension in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: max(dimension, 1))
            guard dimension >= 0, !overflow, next < Int.max - 64 else { throw .invalidShape(shape) }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }

    /// Calls `body` with exactly the tensor's bytes; the pointer must not outlive the call.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try unsafe storage.withUnsafeBytes { bytes in
            try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[byteOffset..<(byteOffset + byteCount)]))
        }
    }

    /// Releases the memory of a mapped tensor whose copy in another layout is used from now on.
    package func releasePages() { storage.releasePages(byteOffset..<(byteOffset + byteCount)) }

    /// All elements as singles, row-major.
    ///
    /// - Throws: `TensorError.notFloatingPoint` for integer tensors.
    public func floats() throws(TensorError) -> [Float] {
        try floats(rows: 0..<rows)
    }

    /// The elements of `range` of the first dimension as singles, row-major.
    ///
    /// - Throws: `TensorError.notFloatingPoint` for integer tensors.
    public func floats(rows range: Range<Int>) throws(TensorError) -> [Float] {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        guard elementType.isFloatingPoint else { throw .notFloatingPoint(elementType) }
        let first = range.lowerBound * columns
        let count = range.count * columns
        return unsafe withUnsafeBytes { bytes in
            unsafe [Float](unsafeUninitializedCapacity: count) { output, initialized in
                switch elementType {
                case .float32:
                    for index in 0..<count {
                        unsafe output[index] = unsafe bytes.loadUnaligned(
                            fromByteOffset: (first + index) * 4, as: Float.self)
                    }
                case .bfloat16:
                    for index in 0..<count {
                        let bits = unsafe bytes.loadUnaligned(fromByteOffset: (first + index) * 2, as: UInt16.self)
                        unsafe output[index] = BFloat16(bitPattern: bits).float
                    }
                case .float16:
                    for index in 0..<count {
                        let bits = unsafe bytes.loadUnaligned(fromByteOffset: (first + index) * 2, as: UInt16.self)
                        unsafe output[index] = Half.float(bits)
                    }
                case .uint8, .int32, .int64: preconditionFailure("\(elementType.rawValue) is refused above")
                }
                initialized = count
            }
        }
    }
}

/// A tensor's type, shape and bytes do not fit together.
public enum TensorError: Error, Equatable, CustomStringConvertible {
    /// A negative dimension, or a product that overflows 64 bits.
    case invalidShape([Int])
    /// The elements would lie outside the storage.
    case outsideStorage(shape: [Int], byteOffset: Int, available: Int)
    /// The number of values given is not the product of the shape.
    case countMismatch(shape: [Int], count: Int)
    /// Floating-point elements were asked of an integer tensor.
    case notFloatingPoint(ElementType)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .invalidShape(let shape): "shape \(shape) is negative or too large"
        case .outsideStorage(let shape, let offset, let available):
            "shape \(shape) at byte \(offset) does not fit the \(available) bytes that are there"
        case .countMismatch(let shape, let count): "shape \(shape) does not hold \(count) values"
        case .notFloatingPoint(let type): "element type \(type.rawValue) is not a floating-point type"
        }
    }
}
