package secret

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"math"
)

// alphabet holds the base62 digits in order of value.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isDigit tells base62 digits from other bytes. A table, because the branches of
// a comparison would be mispredicted on random characters.
var isDigit = func() (table [256]bool) {
	for i := range len(alphabet) {
		table[alphabet[i]] = true
	}
	return table
}()

// isBase62 reports whether s consists of base62 digits.
func isBase62[S string | []byte](s S) bool {
	for i := range len(s) {
		if !isDigit[s[i]] {
			return false
		}
	}
	return true
}

// wordDigits is how many base62 digits one random word yields: 62^10 < 2^64.
const (
	wordDigits = 10
	wordRange  = 62 * 62 * 62 * 62 * 62 * 62 * 62 * 62 * 62 * 62
	// wordLimit is the largest multiple of wordRange that a word can reach; words
	// from there on are thrown away, or some digits would be likelier than others.
	wordLimit = math.MaxUint64 / wordRange * wordRange
)

// fillRandom fills dst with uniform base62 digits.
func fillRandom(dst []byte) {
	var raw [8 * 8]byte
	for len(dst) > 0 {
		words := min(len(raw)/8, (len(dst)+wordDigits-1)/wordDigits+1) // one more than needed nearly always suffices
		rand.Read(raw[:8*words])                                       // never fails: crypto/rand aborts the program instead
		for i := 0; i < words && len(dst) > 0; i++ {
			v := binary.LittleEndian.Uint64(raw[8*i:])
			if v >= wordLimit {
				continue
			}
			n := min(wordDigits, len(dst))
			for k := range n {
				dst[k] = alphabet[v%62]
				v /= 62
			}
			dst = dst[n:]
		}
	}
}

// appendBase62 appends v in base62, most significant digit first, as exactly
// width digits.
func appendBase62(dst []byte, v uint64, width int) []byte {
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; v > 0 && width > 0; i, width = i-1, width-1 {
		dst[i] = alphabet[v%uint64(len(alphabet))]
		v /= uint64(len(alphabet))
	}
	return dst
}

// crcTables are the tables of CRC-32/IEEE for eight bytes at a time: table k
// advances a byte that k more bytes follow.
var crcTables = func() (t [8][256]uint32) {
	t[0] = *crc32.IEEETable
	for k := 1; k < len(t); k++ {
		for i := range t[k] {
			before := t[k-1][i]
			t[k][i] = crc32.IEEETable[byte(before)] ^ before>>8
		}
	}
	return t
}()

// checksum is CRC-32/IEEE, as crc32.ChecksumIEEE computes it. That function
// moves its argument to the heap, which this one need not.
func checksum[S string | []byte](s S) uint32 {
	crc, t := ^uint32(0), &crcTables
	i := 0
	for ; i+8 <= len(s); i += 8 {
		crc ^= uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
		crc = t[7][byte(crc)] ^ t[6][byte(crc>>8)] ^ t[5][byte(crc>>16)] ^ t[4][crc>>24] ^
			t[3][s[i+4]] ^ t[2][s[i+5]] ^ t[1][s[i+6]] ^ t[0][s[i+7]]
	}
	for ; i < len(s); i++ {
		crc = t[0][byte(crc)^s[i]] ^ crc>>8
	}
	return ^crc
}
