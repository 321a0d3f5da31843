package config

import "strings"

// unsupported are members of client metadata that ask for something the server
// does not do. A client that has them would be less safe, or wait for answers
// that never come, if they were ignored.
var unsupported = [...]struct{ member, feature string }{
	{"authorization_encrypted_response_alg", "encrypted authorization responses"},
	{"authorization_encrypted_response_enc", "encrypted authorization responses"},
	{"authorization_signed_response_alg", "signed authorization responses (JARM)"},
	{"backchannel_authentication_request_signing_alg", "CIBA"},
	{"backchannel_client_notification_endpoint", "CIBA"},
	{"backchannel_logout_session_required", "back-channel logout"},
	{"backchannel_logout_uri", "back-channel logout"},
	{"backchannel_token_delivery_mode", "CIBA"},
	{"default_acr_values", "authentication contexts"},
	{"default_max_age", "a maximum age of its own for each client"},
	{"dpop_bound_access_tokens", "DPoP (RFC 9449)"},
	{"frontchannel_logout_session_required", "front-channel logout"},
	{"frontchannel_logout_uri", "front-channel logout"},
	{"id_token_encrypted_response_alg", "ID tokens"},
	{"id_token_encrypted_response_enc", "ID tokens"},
	{"id_token_signed_response_alg", "ID tokens"},
	{"introspection_encrypted_response_alg", "encrypted introspection responses"},
	{"introspection_encrypted_response_enc", "encrypted introspection responses"},
	{"introspection_signed_response_alg", "signed introspection responses (RFC 9701)"},
	{"request_object_encryption_alg", "request objects (RFC 9101)"},
	{"request_object_encryption_enc", "request objects (RFC 9101)"},
	{"request_object_signing_alg", "request objects (RFC 9101)"},
	{"require_auth_time", "ID tokens"},
	{"require_pushed_authorization_requests", "pushed authorization requests (RFC 9126)"},
	{"require_signed_request_object", "request objects (RFC 9101)"},
	{"tls_client_auth_san_dns", "mutual TLS (RFC 8705)"},
	{"tls_client_auth_san_email", "mutual TLS (RFC 8705)"},
	{"tls_client_auth_san_ip", "mutual TLS (RFC 8705)"},
	{"tls_client_auth_san_uri", "mutual TLS (RFC 8705)"},
	{"tls_client_auth_subject_dn", "mutual TLS (RFC 8705)"},
	{"tls_client_certificate_bound_access_tokens", "mutual TLS (RFC 8705)"},
	{"token_endpoint_auth_signing_alg", "client authentication by signature"},
	{"userinfo_encrypted_response_alg", "a userinfo endpoint"},
	{"userinfo_encrypted_response_enc", "a userinfo endpoint"},
	{"userinfo_signed_response_alg", "a userinfo endpoint"},
}

// refuse finds members that the server knows but cannot honour. One that is
// switched off asks for nothing.
func refuse(m *object) {
	for _, u := range unsupported {
		if v := m.value(u.member); v != nil && v != false && v != "" {
			m.say(u.member, "is set, but this server has no %s; remove it", u.feature)
		}
	}
	if t := m.text("subject_type"); t != "" && t != "public" {
		m.say("subject_type", "is %q; this server has \"public\" subjects only", clip(t))
	}
}

// descriptive are members of RFC 7591 that tell people or other servers about the
// client. Nothing is lost where nobody asks; keys among them belong to features
// that are refused by their own members.
var descriptive = [...]string{
	"client_uri", "contacts", "initiate_login_uri", "jwks", "jwks_uri", "logo_uri", "policy_uri",
	"software_id", "software_statement", "software_version", "tos_uri",
}

// warnOfUnknown finds members that nobody knows: they may be misspelt.
func (f *File) warnOfUnknown(m *object) {
	for _, member := range descriptive {
		m.value(member)
	}
	for _, member := range m.unknown() {
		f.warn("%s: %s is not known here and is ignored", m.where, member)
	}
}

// A glossary says which member of the file a field of a Go struct is read from.
type glossary []struct{ field, member string }

func configWords() glossary {
	return glossary{
		{"Lifetimes.RefreshRetry", "refresh_retry"},
		{"Resources", "resources"},
		{"Scopes", "scopes"},
		{"Issuer", "issuer"},
	}
}

func clientWords() glossary {
	return glossary{
		{"InsecureWithoutPKCE", "require_pkce"},
		{"ApplicationType", "application_type"},
		{"AllowedOrigins", "allowed_cors_origins"},
		{"IntrospectAny", "introspection_allowed"},
		{"RedirectURIs", "redirect_uris"},
		{"AuthMethods", "token_endpoint_auth_method"},
		{"GrantTypes", "grant_types"},
		{"Secrets", "client_secret"},
		{"Scopes", "scope"},
		{"ID", "client_id"},
	}
}

// say reports a problem of a field as one of its member, unless what the file has
// there was not read. A way out that the file does not have is left out.
func (g glossary) say(o *object, field, problem string) {
	problem, _, _ = strings.Cut(problem, ", or set Insecure")
	for _, w := range g {
		if w.field == field {
			field = w.member
		}
		if w.field != "ID" {
			problem = strings.ReplaceAll(problem, w.field, w.member)
		}
	}
	if !o.mistyped[field] {
		o.say(field, "%s", problem)
	}
}
