package grantor

import (
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An endpoint is one path and the methods it answers.
type endpoint struct {
	methods []string
	allow   string // the Allow header
	cors    bool   // scripts of registered origins may call it
	public  bool   // scripts of any origin may read it
	page    bool   // it answers browsers that people look at
	serve   http.HandlerFunc
}

func (e *endpoint) accepts(method string) bool {
	return slices.Contains(e.methods, method) || e.public && method == http.MethodHead
}

// router finds endpoints by path, exactly.
type router struct {
	endpoints map[string]*endpoint
}

// add reports whether the path was free.
func (t *router) add(path string, e *endpoint) bool {
	if _, taken := t.endpoints[path]; taken {
		return false
	}
	if t.endpoints == nil {
		t.endpoints = map[string]*endpoint{}
	}
	t.endpoints[path] = e
	return true
}

// find returns the endpoint of the request, or nil. If a StripPrefix removed the
// issuer's path or a part of it, the original is still in the request line.
func (t *router) find(r *http.Request) *endpoint {
	if e, ok := t.endpoints[r.URL.Path]; ok {
		return e
	}
	original, err := url.ParseRequestURI(r.RequestURI)
	if err != nil || !strings.HasSuffix(original.Path, r.URL.Path) {
		return nil
	}
	return t.endpoints[original.Path]
}

// sorted yields the endpoints in the order of their paths.
func (t *router) sorted() iter.Seq2[string, *endpoint] {
	return func(yield func(string, *endpoint) bool) {
		for _, path := range slices.Sorted(maps.Keys(t.endpoints)) {
			if !yield(path, t.endpoints[path]) {
				return
			}
		}
	}
}

// route registers the server's own endpoints.
func (s *Server) route() {
	post := endpoint{methods: []string{http.MethodPost}, allow: http.MethodPost, cors: true}
	get := endpoint{methods: []string{http.MethodGet}, allow: "GET, HEAD", public: true}
	add := func(e endpoint, h http.HandlerFunc, paths ...string) {
		e.serve = h
		for _, p := range paths {
			s.router.add(p, &e)
		}
	}
	add(post, s.token, s.path+tokenPath)
	add(post, s.introspect, s.path+introspectPath)
	add(post, s.revoke, s.path+revokePath)
	add(get, s.metadataDocument, s.wellKnown("oauth-authorization-server")...)
	add(get, s.metadataDocument, s.wellKnown("openid-configuration")...)
	if s.keys != nil {
		add(get, s.jwks, s.path+keysPath)
	}
	if s.session != nil {
		page := endpoint{methods: []string{http.MethodGet, http.MethodPost}, allow: "GET, POST", page: true}
		add(page, s.authorize, s.path+authorizePath)
		add(page, s.resume, s.path+continuePath)
	}
}

// wellKnown returns every path a client may derive from the issuer: RFC 8414
// inserts the well-known segment before the issuer's path, OpenID Connect
// Discovery appends it.
func (s *Server) wellKnown(name string) []string {
	const segment = "/.well-known/"
	if s.path == "" {
		return []string{segment + name}
	}
	return []string{segment + name + s.path, s.path + segment + name}
}
