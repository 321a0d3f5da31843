// Package grantor is an OAuth 2.1 authorization server that a program embeds.
package grantor
