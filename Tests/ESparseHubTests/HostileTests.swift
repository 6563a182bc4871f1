// A hub, or somebody in its place, that means harm: nothing leaves the cache's folder, nothing runs without end.

import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseTestSupport
import FoundationEssentials
import NIOHTTP1
import Testing

@Suite(.serialized) struct HostileTests {
    @Test(arguments: [
        "../escape", "/etc/escape", "a/../../escape", "..", "model-\u{0}", "a//b", "./a",
        "model-00003-of-00002.safetensors",
        "sub\\..\\escape",
    ])
    func shardsOfAnIndex(name: String) throws {
        var repository = FakeRepository.sharded
        let text = String(decoding: try JSONEncoder().encode(["weight_map": ["a": name]]), as: UTF8.self)
        repository.files["model.safetensors.index.json"] = Array(text.utf8)
        let setting = try HubSetting(repository)
        // The listing has the name, too.
        let names = repository.files.keys + [name]
        setting.hub.script.change { request, reply, _ in
            request.isListing ? Self.listing(.sharded, names: names) : reply
        }
        #expect(setting.refusal() != nil)
        #expect(try FileSystem.names(in: setting.folder) == ["hub"])
        #expect(!setting.hub.script.requests.contains { $0.path.contains("escape") })
    }

    static func listing(_ repository: FakeRepository, names: [String], commit: String? = nil) -> HubReply {
        struct Answer: Encodable {
            struct Name: Encodable { let rfilename: String }
            let sha: String
            let siblings: [Name]
        }
        let answer = Answer(sha: commit ?? repository.commit, siblings: names.map(Answer.Name.init))
        return HubReply(body: Array((try? JSONEncoder().encode(answer)) ?? Data()))
    }

    @Test(arguments: [
        "../../../escape", "main", "", String(repeating: "F", count: 40), String(repeating: "f", count: 39),
    ])
    func commits(commit: String) throws {
        let setting = try HubSetting()
        setting.hub.script.change { request, reply, _ in
            request.isListing ? Self.listing(.sharded, names: ["config.json"], commit: commit) : reply
        }
        #expect("\(try #require(setting.refusal()))".contains("does not name the commit"))
        #expect(try FileSystem.names(in: setting.folder).isEmpty)
    }

    @Test func anotherCommitThanTheOneAskedFor() throws {
        let setting = try HubSetting()
        let other = String(repeating: "a", count: 40)
        setting.hub.script.change { request, reply, _ in
            request.isListing ? Self.listing(.sharded, names: ["config.json"]) : reply
        }
        #expect("\(try #require(setting.refusal("acme/tiny@" + other)))".contains("does not name the commit"))
        setting.hub.script.edit { request, reply, _ in
            if reply.headers["X-Repo-Commit"] != nil { reply.headers["X-Repo-Commit"] = other }
        }
        #expect("\(try #require(setting.refusal()))".contains("not of commit 0123"))
    }

    @Test(arguments: ["\"../../escape\"", "", "\"\"", "W/\"x\"", String(repeating: "a", count: 5000), "\"0123\""])
    func digests(etag: String) throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.file == "tokenizer.json" { reply.headers["X-Linked-Etag"] = etag }
        }
        #expect("\(try #require(setting.refusal()))".contains("could not be verified"))
    }

    @Test(arguments: ["-1", "x", "99999999999999999999", "0x10", ""])
    func sizes(size: String) throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.file == "tokenizer.json" { reply.headers["X-Linked-Size"] = size }
        }
        #expect("\(try #require(setting.refusal()))".contains("does not say how many bytes"))
    }

    @Test(arguments: [
        "", "not JSON", "[]", "{\"sha\": 1}", "{\"siblings\": []}", String(repeating: "[", count: 100_000),
    ])
    func answers(text: String) throws {
        let setting = try HubSetting()
        setting.hub.script.change { request, reply, _ in request.isListing ? HubReply(body: Array(text.utf8)) : reply }
        #expect("\(try #require(setting.refusal()))".hasPrefix("the answer about acme/tiny cannot be used"))
    }

    @Test func answersWithoutEnd() throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.isListing { reply.claimedLength = 1 << 40 }
        }
        #expect("\(try #require(setting.refusal()))".contains("more than"))
    }

    @Test func redirectsWithoutEnd() throws {
        let setting = try HubSetting()
        setting.hub.script.change { request, reply, count in
            request.isListing
                ? reply : HubReply(status: .temporaryRedirect, headers: ["Location": request.path + "x"])
        }
        #expect("\(try #require(setting.refusal()))".contains("more than 10 redirects"))
        #expect(setting.hub.script.requests.count < 150)
        setting.hub.script.change { request, reply, count in
            request.isStorage ? HubReply(status: .found, headers: ["Location": request.path]) : reply
        }
        #expect("\(try #require(setting.refusal()))".contains("more than 10 redirects"))
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://x/y", "", "http://", "unix://x"])
    func redirectsToNowhere(location: String) throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if reply.status == .found { reply.headers["Location"] = location }
        }
        #expect(setting.refusal() is HubError)
    }

    @Test func aRenamedRepository() throws {
        let setting = try HubSetting()
        setting.environment["HF_TOKEN"] = "secret"
        let port = setting.hub.port
        setting.hub.script.change { request, reply, _ in
            // The hub redirects to the new name on its own host, and sends the token's owner there.
            let isOld = !request.isStorage && !request.path.hasSuffix("?new")
            return isOld
                ? HubReply(status: .temporaryRedirect, headers: ["Location": request.path + "?new"])
                : Self.real(request, port)
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
        let requests = setting.hub.script.requests
        #expect(requests.filter { $0.path.hasSuffix("?new") }.allSatisfy { $0.token == "Bearer secret" })
        #expect(requests.filter { $0.isStorage }.allSatisfy { $0.token == nil })
    }

    /// The real hub's reply to a request with the mark of a renamed repository.
    private static func real(_ request: HubRequest, _ port: Int) -> HubReply {
        let path = request.path.hasSuffix("?new") ? String(request.path.dropLast(4)) : request.path
        return HubScript.reply(
            to: HubRequest(method: request.method, path: path, headers: request.headers), .sharded,
            "http://localhost:\(port)")
    }

    @Test func aTokenDoesNotComeBack() throws {
        let setting = try HubSetting()
        setting.environment["HF_TOKEN"] = "secret"
        let port = setting.hub.port
        setting.hub.script.change { request, reply, _ in
            // Storage sends back to the hub.
            request.isStorage && request.host.hasPrefix("localhost")
                ? HubReply(status: .found, headers: ["Location": "http://127.0.0.1:\(port)\(request.path)"]) : reply
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
        #expect(setting.hub.script.requests.filter { $0.isStorage }.allSatisfy { $0.token == nil })
    }

    @Test func readersOfAnswers() throws {
        let model = try #require(HubModel("acme/tiny"))
        let seed = HubScript.reply(
            to: HubRequest(method: .GET, path: "/api/models/acme/tiny/revision/main", headers: [:]), .sharded, ""
        ).body
        let outcome = Fuzz(seeds: [seed], stream: 60, iterations: 2000).run { bytes in
            let listing = try Listing(json: bytes, of: model)
            let files = NeededFiles.describing(in: listing.names)
            _ = try NeededFiles.weights(in: listing.names, of: model)
            #expect(files.allSatisfy(FileSystem.isContained))
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    @Test func readersOfHeaders() throws {
        let url = try #require(URL(string: "http://x/"))
        let commit = FakeRepository.sharded.commit
        let digest = FakeRepository.sha256([1])
        let seed = Array(
            "X-Repo-Commit: \(commit)\nX-Linked-Etag: \"\(digest)\"\nX-Linked-Size: 123\nRetry-After: 5".utf8)
        let outcome = Fuzz(seeds: [seed], stream: 61, headLength: seed.count, iterations: 2000).run { bytes in
            var headers = HTTPHeaders()
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let halves = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
                // NIO's parser lets no other names through.
                if halves.count == 2, halves[0].utf8.allSatisfy({ $0 < 128 }) {
                    headers.add(name: String(halves[0]), value: String(halves[1]))
                }
            }
            _ = Subject.pause(headers)
            let file = try RemoteFile(name: "x", commit: commit, url: url, headers: headers)
            #expect(file.byteCount >= 0 && [40, 64].contains(file.digest.text.utf8.count))
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    @Test func readersOfAddresses() throws {
        let here = try #require(URL(string: "https://hub.org/a"))
        let seeds = ["https://cdn.org:443/x?y=%20#z", "//x@[::1]:80/", "../x"].map { Array($0.utf8) }
        let outcome = Fuzz(seeds: seeds, stream: 62, headLength: 40, iterations: 2000).run { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = HubModel(text)
            _ = try? ProxyRules(environment: ["http_proxy": text, "no_proxy": text]).server(for: here)
            let target = try WebAddress.target(of: text, from: here, about: "it")
            #expect(target.scheme?.lowercased() == "https")
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }
}
