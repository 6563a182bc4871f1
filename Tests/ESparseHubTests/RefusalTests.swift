// What the hub refuses, and what it says wrong: one sentence each, a retry or the copy in the cache.

import ESparseCore
import ESparseFormats
import ESparseHub
import FoundationEssentials
import NIOHTTP1
import Testing

@Suite(.serialized) struct RefusalTests {
    /// The one sentence that a call ends in.
    static func sentence(
        _ setting: HubSetting, _ argument: String = "acme/tiny", _ change: @escaping HubScript.Change
    ) throws -> String {
        setting.hub.script.change(change)
        let sentence = "\(try #require(setting.refusal(argument)))"
        #expect(!sentence.contains("\n") && sentence.utf8.count < 500, "\(sentence)")
        return sentence
    }

    @Test func typos() throws {
        let setting = try HubSetting()
        let refusal = try Self.sentence(setting, "acme/tinny") { _, reply, _ in reply }
        #expect(refusal.hasPrefix("acme/tinny is no folder or file here, and \(setting.hub.address) shows no model"))
        #expect(refusal.contains("HF_TOKEN"))
        let unknown = try Self.sentence(setting) { _, _, _ in .refusal(.notFound) }
        #expect(unknown.contains("no model of that name"))
    }

    @Test func revisionsThatVanished() throws {
        let setting = try HubSetting()
        let refusal = try Self.sentence(setting, "acme/tiny@v9") { _, reply, _ in reply }
        #expect(refusal.contains(#"acme/tiny has no branch, tag or commit "v9""#) && !refusal.contains("OFFLINE"))
        setting.hub.script.reset()
        _ = try setting.locate()
        let cached = try Self.sentence(setting) { _, _, _ in .refusal(.notFound, ["X-Error-Code": "RevisionNotFound"]) }
        #expect(cached.contains("HF_HUB_OFFLINE=1"))
    }

    @Test func gatedModels() throws {
        let setting = try HubSetting()
        let change: HubScript.Change = { request, reply, _ in
            request.isListing
                ? reply : .refusal(request.token == nil ? .unauthorized : .forbidden, ["X-Error-Code": "GatedRepo"])
        }
        let stranger = try Self.sentence(setting, "acme/tiny", change)
        #expect(stranger.contains("ask for access at \(setting.hub.address)/acme/tiny, then set HF_TOKEN"))
        setting.environment["HF_TOKEN"] = "mine"
        #expect(try Self.sentence(setting, "acme/tiny", change).contains("with the account that your token belongs to"))
    }

    @Test func tokensThatAreRefused() throws {
        let setting = try HubSetting()
        setting.environment["HF_TOKEN"] = "old"
        let refusal = try Self.sentence(setting) { _, _, _ in
            .refusal(.unauthorized, ["X-Error-Message": "Invalid credentials in Authorization header"])
        }
        #expect(refusal.contains("refuses the token from HF_TOKEN"))
        #expect(
            try Self.sentence(setting) { _, _, _ in .refusal(.forbidden) }.contains("does not let you read acme/tiny"))
    }

    @Test(arguments: [HTTPResponseStatus.internalServerError, .serviceUnavailable, .requestTimeout, .tooManyRequests])
    func troublesThatPass(status: HTTPResponseStatus) throws {
        let setting = try HubSetting()
        setting.hub.script.change { _, reply, count in
            count < 2 ? .refusal(status, ["Retry-After": "0"]) : reply
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test func troublesThatStay() throws {
        let setting = try HubSetting()
        #expect(try Self.sentence(setting) { _, _, _ in .refusal(.badGateway) }.contains("out of order (status 502)"))
        #expect(setting.hub.script.requests.count == 3)
        let storage = try Self.sentence(setting) { request, reply, _ in
            request.isStorage ? .refusal(.forbidden) : reply
        }
        #expect(storage.contains("out of order (status 403)"))
    }

    @Test func tooManyRequests() throws {
        let setting = try HubSetting()
        let long = try Self.sentence(setting) { _, _, _ in .refusal(.tooManyRequests, ["Retry-After": "4000"]) }
        #expect(long.contains("wants fewer requests; call again in 4000 seconds"))
        #expect(setting.hub.script.requests.count == 1)
        setting.hub.script.change { _, reply, count in
            count == 0 ? .refusal(.tooManyRequests, ["RateLimit": "\"api\";r=0;t=1"]) : reply
        }
        let start = ContinuousClock.now
        _ = try setting.locate()
        #expect(ContinuousClock.now - start >= .seconds(1))
        #expect(setting.log.notes.contains { $0.contains("next attempt in 1 seconds") })
    }

    @Test func theCopyInTheCache() throws {
        let setting = try HubSetting()
        _ = try setting.locate()
        for status in [HTTPResponseStatus.internalServerError, .unauthorized, .tooManyRequests] {
            setting.hub.script.change { _, _, _ in .refusal(status) }
            #expect(try setting.locate() == setting.snapshot)
            #expect(setting.log.notes.last?.contains("The copy in the cache is used, commit 0123") == true)
            #expect(setting.hub.script.requests.count == 1)
        }
        setting.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.log.notes.last?.contains("cannot reach http://127.0.0.1:9") == true)
    }

    @Test func noNetwork() throws {
        let setting = try HubSetting()
        setting.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
        let refusal = "\(try #require(setting.refusal()))"
        #expect(refusal.hasPrefix("cannot reach http://127.0.0.1:9: ") && refusal.contains("refused"), "\(refusal)")
        #expect(setting.log.notes.last?.hasPrefix("Note: acme/tiny is no folder or file here, so") == true)
        setting.environment["HF_HUB_OFFLINE"] = "1"
        let offline = "\(try #require(setting.refusal()))"
        #expect(offline.hasPrefix("acme/tiny is no folder or file here") && offline.contains("HF_HUB_OFFLINE is set"))
    }

    @Test func halfACopyIsNoCopy() throws {
        let setting = try HubSetting()
        _ = try setting.locate()
        try FileSystem.remove(setting.snapshot + "/model-00002-of-00002.safetensors")
        setting.environment["HF_HUB_OFFLINE"] = "1"
        #expect("\(try #require(setting.refusal()))".contains("has no complete copy of it"))
        setting.environment["HF_HUB_OFFLINE"] = "0"
        setting.hub.script.reset()
        _ = try setting.locate()
        #expect(setting.isComplete() && !setting.hub.script.requests.contains { $0.isStorage })
    }

    @Test func fullDisks() throws {
        let setting = try HubSetting()
        let refusal = try Self.sentence(setting) { request, reply, _ in
            var reply = reply
            if reply.headers["X-Linked-Size"] != nil { reply.headers["X-Linked-Size"] = "4000000000000000000" }
            return reply
        }
        // Three files of 4 EB are more than a number can hold; one alone is more than any disk.
        #expect(refusal.contains("claims 4000000000000000000 bytes"))
        let one = try Self.sentence(setting) { request, reply, _ in
            var reply = reply
            if request.file == "tokenizer.json" { reply.headers["X-Linked-Size"] = "4000000000000000000" }
            return reply
        }
        #expect(one.contains("more bytes in") && one.contains("are free; make room"))
        #expect(!setting.hub.script.requests.contains { $0.isStorage })
    }

    @Test func repositoriesWithoutAModel() throws {
        let setting = try HubSetting()
        func refusal(without names: [String], with more: [String] = []) throws -> String {
            var repository = FakeRepository.sharded
            for name in names { repository.files[name] = nil }
            for name in more { repository.files[name] = [1] }
            setting.hub.script.repository = repository
            return try Self.sentence(setting) { _, reply, _ in reply }
        }
        #expect(try refusal(without: ["config.json"]).contains("has no config.json"))
        let weights = [
            "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        ]
        #expect(try refusal(without: weights).contains("only pickled ones"))
        #expect(try refusal(without: weights + ["pytorch_model.bin"]).contains("no weights as safetensors"))
        #expect(try refusal(without: Array(weights.prefix(2))).contains("lacks model-00001-of-00002.safetensors"))
        #expect(try refusal(without: [weights[1]]).contains("has no file model-00001-of-00002.safetensors"))
        #expect(try refusal(without: ["config.json"], with: ["a.gguf"]).contains("has no config.json"))
        #expect(try refusal(without: weights + ["config.json"], with: ["a.gguf"]).contains("acme/tiny/a.gguf"))
    }
}
