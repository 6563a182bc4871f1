// Results under names of files, pipes, devices and links.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct ResultFileTests {
    /// The kind of thing that is at a path itself, links not followed.
    private func kind(_ path: String) -> mode_t {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
    }

    @Test func replacesPlainFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/result"
        for text in ["long enough", "short"] {
            try ResultFile.write(Array(text.utf8), to: path)
            #expect(try FileSystem.read(path) == Array(text.utf8))
        }
        #expect(try FileSystem.names(in: folder.path) == ["result"])
    }

    @Test func nothingIsLeftOfAFileThatCannotHaveItsName() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/taken"
        try FileSystem.createFolder(path)
        let file = try OutputFile(path: path)
        try file.write([1], at: 0)
        #expect(throws: FileError.self) { try file.commit() }
        withExtendedLifetime(consume file) {}
        #expect(try FileSystem.names(in: folder.path) == ["taken"])
    }

    @Test func writesIntoPipes() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        try #require(unsafe mkfifo(path, 0o600) == 0)
        let reader = unsafe open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try ResultFile.write([1, 2, 3], to: path)
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(unsafe read(reader, &bytes, bytes.count) == 3 && bytes.prefix(3) == [1, 2, 3])
        #expect(kind(path) == S_IFIFO)
    }

    @Test func writesThroughLinks() throws {
        let folder = try TemporaryFolder()
        let (link, target) = (folder.path + "/link", folder.path + "/target")
        try #require(unsafe symlink("target", link) == 0)
        for text in ["made where the link leads", "short"] {
            try ResultFile.write(Array(text.utf8), to: link)
            #expect(try FileSystem.read(target) == Array(text.utf8))
        }
        #expect(kind(link) == S_IFLNK)
        let device = folder.path + "/null"
        try #require(unsafe symlink("/dev/null", device) == 0)
        try ResultFile.write([1], to: device)
        #expect(kind(device) == S_IFLNK && kind("/dev/null") == S_IFCHR)
    }

    @Test func saysThatADeviceIsFull() {
        #expect(message { try ResultFile.write([1], to: "/dev/full") }?.contains("No space left") == true)
    }
}
