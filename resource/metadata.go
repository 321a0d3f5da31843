package resource

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// wellKnown is inserted between the host and the path of a resource identifier,
// RFC 9728 §3.
const wellKnown = "/.well-known/oauth-protected-resource"

// Metadata returns the protected resource metadata of RFC 9728 §2 and the pattern
// to serve it under at the root of the resource's host:
//
//	mux.Handle(guard.Metadata())
//
// It names the Resource, its AuthorizationServers and Scopes; scripts of any
// origin may read it. It panics if Validate has something to say, or there is
// nothing to serve because AuthorizationServers is empty.
func (g Guard) Metadata() (pattern string, handler http.Handler) {
	err := g.Validate()
	if len(g.AuthorizationServers) == 0 {
		err = errors.Join(err, errors.New("resource: Guard.AuthorizationServers is empty; set the issuers that metadata is to name"))
	}
	if err != nil {
		panic(err)
	}
	_, path, _ := g.metadataURL() // Validate has seen it
	if strings.HasSuffix(path, "/") {
		path += "{$}" // this path, not all below it
	}
	body, err := json.Marshal(struct {
		Resource             string   `json:"resource"`
		AuthorizationServers []string `json:"authorization_servers"`
		Scopes               []string `json:"scopes_supported,omitempty"`
		BearerMethods        []string `json:"bearer_methods_supported"`
	}{g.Resource, g.AuthorizationServers, g.Scopes, []string{"header"}})
	if err != nil {
		panic(err)
	}
	return path, document(body)
}

// metadataURL returns the URL of the metadata and its path, or says what keeps
// the Resource from having one.
func (g Guard) metadataURL() (full, path string, err error) {
	u, err := url.Parse(g.Resource)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", "", errors.New("is not the https URL that metadata needs (RFC 9728 §1.2)")
	case u.RawQuery != "" || u.ForceQuery || u.User != nil:
		return "", "", errors.New("has a query or user information, which no metadata can be found for; remove it")
	case strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/./") || strings.Contains(u.Path+"/", "/../"):
		return "", "", errors.New("has a path that servers and clients may spell differently; use plain segments")
	}
	path = wellKnown
	if p := u.EscapedPath(); p != "/" { // RFC 9728 §3.1: no slash for the root
		path += p
	}
	return u.Scheme + "://" + u.Host + path, path, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// document serves JSON that anybody may read and keep for a while.
func document(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h.Set("Content-Type", "application/json")
			h.Set("Cache-Control", "public, max-age=300")
			h.Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(body) // the client is gone if this fails
		case http.MethodOptions:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "*")
			h.Set("Access-Control-Max-Age", "3600")
			w.WriteHeader(http.StatusNoContent)
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			h.Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
}
