package client

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURI bounds a redirect URI, in bytes.
const maxURI = 2000

// MatchRedirectURI reports whether the client registered uri. The comparison is
// byte by byte (RFC 9700 §2.1), with one exception that RFC 8252 §7.3 asks for:
// a native client that registered an http URI on a loopback host may use any
// port of that same literal host. What no registration may hold matches
// nothing, even if a Source that does not [Client.Validate] holds it.
func (c *Client) MatchRedirectURI(uri string) bool {
	if uri == "" || unusable(uri) != "" {
		return false
	}
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	if !c.Native() {
		return false
	}
	host, rest, ok := cutLoopback(uri)
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		h, r, ok := cutLoopback(registered)
		return ok && h == host && r == rest
	})
}

// carriesResponse reports whether the query of uri has a parameter of the
// authorization response, which would then come twice.
func carriesResponse(uri string) bool {
	_, query, found := strings.Cut(uri, "?")
	if !found {
		return false
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || slices.Contains(responseParameters[:], name) {
			return true
		}
	}
	return false
}

var responseParameters = [...]string{"code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token", "access_token"}

// loopbackPrefixes are the literal beginnings of a loopback redirect URI. A
// name or an address that merely resolves to loopback is not among them.
var loopbackPrefixes = [...]string{"http://127.0.0.1", "http://[::1]", "http://localhost"}

// cutLoopback splits a loopback URI into its literal scheme and host, and what
// follows the port. It fails on everything that is not plainly of that form:
// userinfo, a longer host name, a port that is not a canonical number.
func cutLoopback(uri string) (host, rest string, ok bool) {
	for _, prefix := range loopbackPrefixes {
		after, found := strings.CutPrefix(uri, prefix)
		if !found {
			continue
		}
		if port, hasPort := strings.CutPrefix(after, ":"); hasPort {
			end := strings.IndexAny(port, "/?")
			if end < 0 {
				end = len(port)
			}
			if !validPort(port[:end]) {
				return "", "", false
			}
			after = port[end:]
		}
		if after == "" || after[0] == '/' || after[0] == '?' {
			return prefix, after, !strings.Contains(after, "#")
		}
	}
	return "", "", false
}

// validPort accepts 1 to 65535 in canonical decimal.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s == strconv.FormatUint(n, 10)
}

// executable are schemes whose URIs a browser runs, reads from disk or opens in
// its own privileged pages. No option allows them.
var executable = [...]string{"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "view-source", "filesystem"}

// unusable says why no browser may ever be sent to uri, whoever registered it,
// or "".
func unusable(uri string) string {
	if len(uri) > maxURI {
		return "is longer than 2000 bytes"
	}
	for i := range len(uri) {
		switch b := uri[i]; {
		case b <= ' ', b >= 0x7f, strings.IndexByte(`"<>\^{|}`+"`", b) >= 0: // RFC 3986 §2
			return "has a character that no URI has (space, control, quote, backslash, non-ASCII, and so on); percent-encode it"
		case b == '#':
			return "has a fragment; RFC 6749 §3.1.2 forbids it"
		}
	}
	scheme, _, _ := strings.Cut(uri, ":")
	switch {
	case slices.ContainsFunc(executable[:], func(e string) bool { return strings.EqualFold(e, scheme) }):
		return "has a scheme that browsers execute"
	case carriesResponse(uri):
		return "has a parameter of the authorization response in its query"
	}
	return ""
}

// redirectProblem says what is wrong with registering uri, or "".
func (c *Client) redirectProblem(uri string) string {
	if problem := unusable(uri); problem != "" {
		return problem
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs():
		return "is not an absolute URI"
	case u.User != nil:
		return "has user information before the host; remove it"
	case strings.Contains(u.Host, "*"):
		return "has a wildcard host; register each host by name"
	}
	return c.schemeProblem(u, uri)
}

func (c *Client) schemeProblem(u *url.URL, uri string) string {
	allowed := slices.Contains(c.InsecureRedirectSchemes, u.Scheme)
	switch {
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Hostname() == "" {
			return "has no host"
		}
		if _, _, loopback := cutLoopback(uri); u.Scheme == "http" && !loopback && !allowed {
			return "is plain http on a host other than loopback; use https"
		}
	case allowed:
	case !c.Native():
		return "has a private-use scheme, which only a native client may register"
	case !strings.Contains(u.Scheme, "."):
		return "has a scheme without a dot; use a reversed domain name (RFC 8252 §7.1)"
	}
	return ""
}
