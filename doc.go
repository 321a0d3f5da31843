// Package grantor is an OAuth 2.1 authorization server that a program embeds. It
// issues, refreshes, introspects and revokes access tokens; the program keeps its
// users, its login page and its database.
//
// # A server
//
// [New] makes a [Server] from a [Config]; a Server is an http.Handler. Three
// things are always needed: the Issuer, which is the URL clients know it by, the
// Clients, and a Store.
//
//	clients, err := client.NewStatic(client.Client{
//		ID:         "robot",
//		GrantTypes: []string{client.ClientCredentials},
//		Scopes:     []string{"read"},
//		Secrets:    []client.Secret{{Digest: digest}},
//	})
//	…
//	server, err := grantor.New(grantor.Config{
//		Issuer:  "https://as.example",
//		Clients: clients,
//		Store:   memory.New(),
//		Keys:    &token.Ring{},
//	})
//	…
//	http.Handle("/", server)
//
// The zero value of everything else is the safe default, and what weakens the
// server has a name that begins with Insecure. New reports every problem of a
// Config at once, each as a [ConfigError]. A Server starts no goroutine; call
// [Server.Sweep] now and then.
//
// # An authorization request
//
// A browser arrives at /authorize. The server finds out which client sent it and
// where an answer may go; what is wrong up to there is shown to the person. From
// there on errors are redirects to the client. It then asks Config.Session who is
// at this browser, and decides what is still needed: to sign in, to choose an
// account, to consent, or nothing.
//
// If a person is needed, Config.Interact gets the browser and an [Interaction].
// It sends people to the host's login page, which brings them back to
// Interaction.URL, or shows what the client asks for. [Pages] does both. When the
// browser comes back the same decision is made again; who the user is always
// comes from Config.Session and never from a form. At the end there is one grant,
// one code, and a redirect.
//
// Until then nothing is stored: a pending request travels in the URL,
// authenticated with a key that only this browser has.
//
// # A token request
//
// The form is read, bounded and with nothing sent twice; the client
// authenticates; the grant_type finds its handler. The handler decides: it
// changes a [grant.Grant] in memory, and writes nothing. Then the server checks
// that it did not widen anything, asks [Subjects] whether the user may still act,
// runs the hooks and mints the tokens: everything that can fail. Then it writes
// the grant with one compare-and-swap, and only then discloses anything. A
// failure spends nothing, and of two requests that race one wins.
//
// Trouble of the store, of a signer or of a hook is 503 with Retry-After, never
// invalid_client or invalid_grant: the client did nothing wrong.
//
// # Tokens in use
//
// An API in the same program verifies with [Server.Verify], which asks the store,
// so that a revocation bites at once; package resource makes middleware of it.
// APIs elsewhere verify JWTs by the published keys, or ask the introspection
// endpoint. [Server.Revoke] ends all grants of a user or a client.
//
// # To extend
//
//   - a login page: Config.Session and Config.Interact, see [Pages];
//   - clients in a table of your own: a client.Source, one method;
//   - a database: a [store.Store], four methods, and package storetest to find
//     out whether they keep its promises;
//   - a grant type, an endpoint, a metadata member, a way for clients to
//     authenticate: an [Extension];
//   - another token format: a [token.Format]; keys in a KMS: a [token.KeySource];
//   - further claims: Config.Claims. They cannot overwrite those of the protocol.
//
// # To read next
//
// Packages client (who may ask), grant (what was allowed), token (what tokens say
// and what signs them), secret (credentials in hand and at rest), store, and
// resource. Package oauthtest is for your own tests. The programs in examples
// run. README.md has a checklist for production, docs/threat-model.md says what
// is defended and how.
//
// # To avoid
//
//   - The memory store and a token.Ring in production: both end with the process.
//   - A Session that believes anything but the host's own cookie.
//   - A login page that goes wherever return_to says: ask [Server.Resumes].
//   - Verifying JWTs by signature alone where a revocation must bite at once.
//   - The password grant. It is there for programs that cannot be changed.
//   - Deleting records of the Store by hand where [Server.Revoke] would do.
package grantor
