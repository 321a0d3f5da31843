package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
)

func (f *File) readClients(o *object) {
	seen := map[string]bool{}
	for _, m := range o.objects("clients", "client_id") {
		c := f.readClient(m)
		if seen[c.ID] && c.ID != "" {
			m.say("client_id", "is another client's too; give each its own")
		}
		seen[c.ID] = true
		f.Clients = append(f.Clients, c)
	}
}

// readClient maps the members of RFC 7591 to a client. What a client may ask for
// but the server cannot do is a problem; members that nobody knows are
// ignored, as RFC 7591 §2 wants, with a warning.
func (f *File) readClient(m *object) client.Client {
	c := client.Client{
		ID: m.text("client_id"), Name: m.text("client_name"), ApplicationType: m.text("application_type"),
		RedirectURIs: m.texts("redirect_uris"), Scopes: f.grantable(m),
		AllowedOrigins: m.texts("allowed_cors_origins"), IntrospectAny: m.flag("introspection_allowed", false),
		InsecureWithoutPKCE: !m.flag("require_pkce", true),
	}
	// A request that names no scope gets all of them, but for the one that asks
	// for more time.
	c.DefaultScopes = slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return s == offlineAccess })
	readGrants(m, &c)
	f.readAuthentication(m, &c)
	refuse(m)
	if len(m.texts("post_logout_redirect_uris")) > 0 {
		f.warn("%s: post_logout_redirect_uris has no effect: there is no end_session_endpoint yet", m.where)
	}
	f.warnOfUnknown(m)
	words := clientWords()
	for _, e := range unjoin(c.Validate()) {
		if p := (*client.FieldError)(nil); errors.As(e, &p) {
			words.say(m, p.Field, p.Problem)
		}
	}
	return c
}

// readGrants reads the grants of a client. One that says nothing has the
// authorization code grant, RFC 7591 §2, if it can be redirected to at all. That
// is also what one is taken for whose members cannot be read.
func readGrants(m *object, c *client.Client) {
	c.GrantTypes = m.texts("grant_types")
	unread := m.mistyped["grant_types"]
	if (unread || !m.has("grant_types")) && (len(c.RedirectURIs) > 0 || m.mistyped["redirect_uris"]) {
		c.GrantTypes = []string{client.AuthorizationCode}
	}
	for _, g := range c.GrantTypes {
		if g != "implicit" && !slices.Contains(GrantTypes(), g) {
			m.say("grant_types", "has %q, which this server does not offer; it offers %s", clip(g), strings.Join(GrantTypes(), ", "))
		}
	}
	for _, r := range m.texts("response_types") {
		switch {
		case r != "code":
			m.say("response_types", "has %q; the only one here is \"code\"", clip(r))
		case !unread && !c.MayUse(client.AuthorizationCode):
			m.say("response_types", "has \"code\", but grant_types has no authorization_code; add it, or remove the response type")
		}
	}
}

// readAuthentication reads how the client proves to be itself. A secret without a
// method may come either way.
func (f *File) readAuthentication(m *object, c *client.Client) {
	method, plain := m.text("token_endpoint_auth_method"), m.text("client_secret")
	unread := m.mistyped["token_endpoint_auth_method"] || m.mistyped["client_secret"]
	switch {
	case method == "" && plain == "" && !unread:
		m.say("client_secret", "is missing; set one, or token_endpoint_auth_method to \"none\" for a client that cannot keep a secret")
		unread = true
	case method != "" && !slices.Contains(AuthMethods(), method):
		m.say("token_endpoint_auth_method", "is %q, which this server does not offer; it offers %s", clip(method), strings.Join(AuthMethods(), ", "))
		method, unread = "", true
	}
	if method != "" {
		c.AuthMethods = []string{method}
	}
	if plain != "" || unread && method != client.MethodNone {
		// The digest follows when all is well. A client with a problem here is
		// taken for a confidential one: one problem is enough.
		const later = secret.Digest("$later$")
		c.Secrets = []client.Secret{{ID: "file", Digest: later}}
	}
	if plain == "" {
		return
	}
	checkSecret(m, "client_secret", plain)
	if strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r > '~' }) {
		m.say("client_secret", "has a character that is not printable ASCII (RFC 6749 §A.2); choose another secret")
	}
	f.secrets[c.ID] = plain
}

// GrantTypes are the grants that a client in the file may have.
func GrantTypes() []string {
	return []string{client.AuthorizationCode, client.RefreshToken, client.ClientCredentials, client.Password}
}

// AuthMethods are the ways in which a client in the file may authenticate.
func AuthMethods() []string {
	return []string{client.MethodSecretBasic, client.MethodSecretPost, client.MethodNone}
}
