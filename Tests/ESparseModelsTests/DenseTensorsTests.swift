// Tensors for other tools: what is known of them before any is read.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

@Suite struct DenseTensorsTests {
    private struct Unread: Error {}

    /// Knows types as a file's header does, and cannot be read.
    private struct Header: WeightSource {
        let types: [String: ElementType]

        var tensorNames: [String] { types.keys.sorted() }
        func shape(of name: String) -> [Int]? { nil }
        func elementType(of name: String) throws -> ElementType { types[name] ?? .float32 }
        func tensor(_ name: String) throws -> Tensor { throw Unread() }
        func linearWeight(_ name: String) throws -> LinearWeight { throw Unread() }
    }

    @Test func typesAreKnownWithoutReading() throws {
        let tensors = try ModelFixture("llama-plain").model(on: ReferenceBackend()).architecture.tensors
        let matrix = try #require(tensors.first { $0.shape.count == 2 })
        let vector = try #require(tensors.first { $0.shape.count == 1 })
        let header = Header(types: [matrix.name: .float16, vector.name: .bfloat16])
        let stored = DenseTensors(header, matrixType: nil)
        #expect(try stored.elementType(of: matrix) == .float16 && stored.elementType(of: vector) == .bfloat16)
        let rounded = DenseTensors(header, matrixType: .float32)
        #expect(try rounded.elementType(of: matrix) == .float32 && rounded.elementType(of: vector) == .bfloat16)
    }
}
