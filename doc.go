// Package grantor is an OAuth 2.1 authorization server that a program embeds. It
// issues, refreshes, introspects and revokes access tokens; the program keeps its
// users, its login page and its database.
//
// # A server
//
// [New] makes a [Server] from a [Config]; a Server is an http.Handler. It always
// needs an Issuer, the URL clients know it by, the Clients, and a Store.
//
//	plain, digest := new(secret.Checker).New() // the client keeps one, the server the other
//	clients, err := client.NewStatic(client.Client{
//		ID: "robot", Secrets: []client.Secret{{Digest: digest}},
//		GrantTypes: []string{client.ClientCredentials}, Scopes: []string{"read"},
//	})
//	…
//	server, err := grantor.New(grantor.Config{
//		Issuer: "https://as.example", Clients: clients, Store: memory.New(), Keys: &token.Ring{},
//	})
//
// The zero value of everything else is the safe default; what weakens the server
// has a name that begins with Insecure. New reports every problem it can see,
// each as a [ConfigError]. A Server starts no goroutine: call [Server.Sweep] now
// and then. A public client says so: AuthMethods is client.MethodNone. A client
// registered for refresh_token gets a refresh token with every code and password
// grant, whether it asks for offline_access or not; that scope will decide only
// whether the grant outlives a sign-out.
//
// # To avoid
//
//   - The memory store and a token.Ring in production: both end with the process.
//   - A Session that believes anything but the host's own cookie.
//   - A login page that goes wherever return_to says: ask [Server.Resumes].
//   - Verifying JWTs by signature alone where a revocation must bite at once.
//   - The password grant. It is there for programs that cannot be changed.
//   - Deleting records of the Store by hand where [Server.Revoke] would do.
//
// # What happens
//
// An authorization request: once client and redirect URI are known to be good,
// errors are redirects to the client; before, a person sees them. Config.Session
// says who is at this browser. If that person must sign in or consent,
// Config.Interact gets the browser and an [Interaction], as [Pages] does, and the
// same decision is made again when it comes back. Until then nothing is stored.
// At the end there is one grant, one code, and a redirect.
//
// A token request: the handler of the grant_type changes a [grant.Grant] in
// memory, the server checks it, asks [Subjects], runs the hooks and mints: all
// that can fail. Then it writes the grant with one compare-and-swap, and only
// then discloses anything. A failure spends nothing, and of two requests that
// race one wins. Trouble of store, signer or hook is 503, never invalid_grant.
//
// Tokens in use: an API in this program uses package resource, which asks
// [Server.Verify], so that a revocation bites at once. Others verify JWTs by the
// published keys, or ask the introspection endpoint.
//
// # To extend
//
//   - a login page: Config.Session and Config.Interact; clients in a table of
//     your own: a client.Source; a database: a [store.Store] and storetest;
//   - a grant type, an endpoint, metadata, client authentication: an [Extension];
//   - a token format: a [token.Format]; keys in a KMS: a [token.KeySource];
//   - further claims: Config.Claims. They cannot overwrite those of the protocol.
//
// To read next: packages client, grant, token, secret, store, resource, and
// oauthtest for your own tests; README.md, for production; docs/threat-model.md.
package grantor
