package grantor

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/token"
)

// metadataDocument serves the authorization server metadata, RFC 8414 §3. It
// says only what this server can do; URLs come from the issuer, never from the
// request.
func (s *Server) metadataDocument(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(s.describe())
	if err != nil {
		s.trouble(r.Context(), r, err)
		s.refuse(w, err)
		return
	}
	writePublic(w, "application/json", body)
}

// writePublic answers with a document that anybody may read and keep for a
// while.
func writePublic(w http.ResponseWriter, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // the client is gone if this fails
}

// describe collects the members of RFC 8414 §2. What an extension sets wins.
func (s *Server) describe() map[string]any {
	var methods []string
	for _, m := range s.authenticator.Methods {
		methods = append(methods, m.Name())
	}
	doc := map[string]any{
		"issuer":                                        s.issuer,
		"token_endpoint":                                s.issuer + tokenPath,
		"introspection_endpoint":                        s.issuer + introspectPath,
		"revocation_endpoint":                           s.issuer + revokePath,
		"grant_types_supported":                         s.grantTypes,
		"token_endpoint_auth_methods_supported":         append(slices.Clone(methods), client.MethodNone),
		"revocation_endpoint_auth_methods_supported":    append(slices.Clone(methods), client.MethodNone),
		"introspection_endpoint_auth_methods_supported": methods,
		"response_types_supported":                      []string{}, // required even without an authorization endpoint
	}
	if s.keys != nil {
		doc["jwks_uri"] = s.issuer + keysPath
	}
	if len(s.scopes) > 0 {
		doc["scopes_supported"] = s.scopes
	}
	if s.session != nil {
		doc["authorization_endpoint"] = s.issuer + authorizePath
		doc["response_types_supported"] = []string{responseTypeCode}
		doc["response_modes_supported"] = []string{modeQuery, modeFormPost}
		doc["code_challenge_methods_supported"] = []string{pkce.S256}
		doc["authorization_response_iss_parameter_supported"] = true
	}
	maps.Copy(doc, s.metadata)
	return doc
}

// jwks serves the public keys that tokens are verified with, RFC 7517.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	keys, err := s.keys.Keys(r.Context())
	if err == nil {
		var body []byte
		if body, err = token.JWKSet(keys); err == nil {
			writePublic(w, "application/jwk-set+json", body)
			return
		}
	}
	s.trouble(r.Context(), r, err)
	s.refuse(w, err)
}
