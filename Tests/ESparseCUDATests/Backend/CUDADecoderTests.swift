// Decoding steps on the emulated device: which are recorded, how often, and that a record follows its tokens, positions and cache.

import ESparseCUDA
import ESparseCore
import ESparseDeviceChecks
import Testing

@Suite(.serialized) struct CUDADecoderTests {
    @Test(arguments: HalfType.allCases) func recordedStepsDrawWhatPlainOnesDo(_ type: HalfType) throws {
        let backend = try EmulatedBackend.make(type)
        for check in DecodingCheck.all(isQuick: true) {
            let (found, expected) = try check.tokens(on: backend)
            #expect(found == expected, "\(check)")
        }
    }

    /// One record for each number of sequences and class of positions, and none for a step that came once.
    @Test func eachKindIsRecordedOnce() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        let model = try DecodingModel(backend: backend)
        var cache = try model.makeCache(sequenceCount: 2, capacity: 600)
        let decoder = try #require(try backend.makeDecoder(SamplingRule(temperature: 0)) as? CUDADecoder)
        func steps(_ starts: [[Int]]) throws {
            for start in starts {
                let batch = TokenBatch(start.enumerated().map { .init(sequence: $0, start: $1, count: 1) })
                let tokens = start.map { Int32($0 % 7) }
                _ = try decoder.step(
                    tokens, batch: batch, uniforms: start.map { _ in 0 }, cache: &cache,
                    forward: { try model.logits(tokens, batch: batch, cache: &$0) })
            }
        }
        try steps([[0]])
        #expect(decoder.graphCount == 0)
        try steps([[1], [2], [3]])
        #expect(decoder.graphCount == 1)
        try steps([[4, 0], [5, 1], [6, 2]])
        #expect(decoder.graphCount == 2)
        // From 257 positions on two splits, from 513 on the three that the cache can fill.
        try steps([[255], [256], [257], [511]])
        #expect(decoder.graphCount == 3)
        try steps([[512], [513], [599]])
        #expect(decoder.graphCount == 4)
        // A copy of the cache makes the next step write elsewhere.
        let copy = cache
        try steps([[20], [21], [22]])
        #expect(decoder.graphCount == 5)
        withExtendedLifetime(copy) {}
    }

    /// What a copy of the cache holds is not touched by recorded steps.
    @Test func copiesOfCachesKeepTheirTokens() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        let model = try DecodingModel(backend: backend)
        var cache = try model.makeCache(sequenceCount: 1, capacity: 8)
        let decoder = try #require(try backend.makeDecoder(SamplingRule(temperature: 0)))
        func step(_ token: Int32, at start: Int, _ cache: inout CUDAKeyValueCache) throws -> Int32 {
            let batch = TokenBatch([.init(sequence: 0, start: start, count: 1)])
            return try decoder.step(
                [token], batch: batch, uniforms: [0], cache: &cache,
                forward: { try model.logits([token], batch: batch, cache: &$0) })[0]
        }
        for start in 0..<4 { _ = try step(Int32(start), at: start, &cache) }
        var copy = cache
        let expected = try step(9, at: 4, &copy)
        for start in 0..<4 { _ = try step(Int32(30 - start), at: start, &cache) }
        #expect(try step(9, at: 4, &copy) == expected)
    }

    /// A record that cannot be made is an error, and the device goes on.
    @Test func whatCannotBeRecordedIsAnError() throws {
        let device = try EmulatedBackend.make(.bfloat16).device
        let buffer = try device.allocate(64)
        #expect(throws: CUDAError.self) { try device.capture { [try device.allocate(64)] } }
        #expect(throws: CUDAError.self) {
            try device.capture {
                try device.synchronize()
                return []
            }
        }
        #expect(throws: CUDAError.self) {
            try device.capture {
                try buffer.all.upload([1, 2] as [Int32])
                return []
            }
        }
        // Freeing memory while recording spoils the record, although no call reports it.
        #expect(throws: CUDAError.self) {
            var dropped: DeviceBuffer? = try device.allocate(64)
            _ = try device.capture {
                dropped = nil
                return []
            }
            withExtendedLifetime(dropped) {}
        }
        let graph = try device.capture {
            try buffer.all.fill(with: 7)
            return [buffer]
        }
        try buffer.all.fill(with: 1)
        #expect(try buffer.all.download(UInt8.self, count: 2) == [1, 1])
        try graph.launch()
        #expect(try buffer.all.download(UInt8.self, count: 2) == [7, 7])
    }

    @Test func stepMemoryIsUsedAgain() throws {
        let device = try EmulatedBackend.make(.bfloat16).device
        let memory = StepMemory(on: device)
        let first = try DeviceBuffer(byteCount: 512, from: memory).address
        let again = try DeviceBuffer(byteCount: 512, from: memory)
        let other = try DeviceBuffer(byteCount: 512, from: memory)
        #expect(again.address == first && other.address != first)
        let empty = try DeviceBuffer(byteCount: 0, from: memory)
        #expect(empty.address == 0)
        withExtendedLifetime((again, other)) {}
    }

    /// While recording, only memory that was returned before can be had.
    @Test func recordsTakeWhatIsThere() throws {
        let device = try EmulatedBackend.make(.bfloat16).device
        let memory = StepMemory(on: device)
        func work() throws -> [DeviceBuffer] {
            for _ in 0..<3 { try DeviceBuffer(byteCount: 100, from: memory).all.fill() }
            return []
        }
        #expect(throws: CUDAError.self) { try device.capture(work) }
        _ = try work()
        try device.capture(work).launch()
    }
}
