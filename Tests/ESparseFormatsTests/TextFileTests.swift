// Texts: plain, JSON lines, gzip of either, from files and pipes, and damaged ones.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct TextFileTests {
    @Test func readsPlainText() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array("a\r\nb\n".utf8) + [0xFF], to: "a.txt")
        #expect(try TextFile.documents(path) == ["a\r\nb\n\u{FFFD}"])
        #expect(try TextFile.contents(path) == Array("a\r\nb\n".utf8) + [0xFF])
    }

    @Test func readsJSONLines() throws {
        let folder = try TemporaryFolder()
        let text = "{\"text\":\"one\\n\"}\r\n\n{\"id\":3,\"text\":\"\"}"
        let path = try folder.write(Array(text.utf8), to: "a.JSONL")
        #expect(try TextFile.documents(path) == ["one\n", ""])
    }

    @Test func readsGzipOfSeveralMembers() throws {
        #expect(try TextFile.documents(fixture("lines.jsonl.gz")) == ["Grüße, 😀\n", "second"])
    }

    @Test func namesTheLine() throws {
        for (text, says) in [
            ("{\"text\":\"a\"}\n{\"text\":1}", "line 2"), ("\n\n{\"text\"", "line 3"), ("[]", "under \"text\""),
            ("{\"text\":\"a\"} {}", "line 1"),
        ] {
            let sentence = message { _ = try TextFile.lines(Array(text.utf8), path: "a.jsonl") }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
    }

    @Test func refusesDamagedGzip() throws {
        let bytes = try FileSystem.read(fixture("lines.jsonl.gz"))
        let whole = try Gzip.decompress(bytes, path: "a", limit: 1000)
        #expect(throws: FormatError.expandsTooFar(path: "a", limit: whole.count - 1)) {
            try Gzip.decompress(bytes, path: "a", limit: whole.count - 1)
        }
        for count in 2..<bytes.count {
            // A file cut between its members is a whole file; every other cut must be noticed.
            let cut = Array(bytes[..<count])
            let isWholeMember = Array(bytes[count...]).prefix(2) == [0x1F, 0x8B]
            #expect((message { _ = try Gzip.decompress(cut, path: "a", limit: 1000) } == nil) == isWholeMember)
        }
        var flipped = bytes
        flipped[bytes.count - 6] ^= 1
        #expect(message { _ = try Gzip.decompress(flipped, path: "a", limit: 1000) }?.contains("damaged gzip") == true)
        #expect(
            message { _ = try Gzip.decompress(bytes + [1], path: "a", limit: 1000) }?.contains("damaged gzip") == true)
    }

    /// The documents that come out of a pipe, as a shell's `<(...)` hands it over.
    private func documents(piping bytes: [UInt8]) throws -> [String] {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { close(ends[0]) }
        // It fits into the pipe's own buffer.
        #expect(unsafe write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        return try TextFile.documents("/proc/self/fd/\(ends[0])")
    }

    @Test func readsPipes() throws {
        #expect(try documents(piping: Array("a\nb".utf8)) == ["a\nb"])
        #expect(try documents(piping: []) == [""])
        // Without a name that ends in .jsonl the first line decides.
        #expect(try documents(piping: FileSystem.read(fixture("lines.jsonl.gz"))) == ["Grüße, 😀\n", "second"])
        #expect(try documents(piping: Array("{\"text\": 1}\n".utf8)) == ["{\"text\": 1}\n"])
        #expect(try TextFile.contents("/dev/null") == [])
    }

    @Test func stopsAtTheLimitOfEndlessDevices() {
        #expect(throws: FormatError.streamTooLong(path: "/dev/zero", limit: 100_000)) {
            try TextFile.contents("/dev/zero", limit: 100_000)
        }
    }

    @Test func saysWhichFileIsMissing() {
        #expect(message { _ = try TextFile.documents("/no/such.txt") }?.contains("/no/such.txt") == true)
    }
}
