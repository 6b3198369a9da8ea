package accesslog

import (
	"bytes"
	"time"
)

// parseRFC3339 is a time such as 2026-11-21T20:42:27.467287354Z in whole seconds since 1970. It
// takes no memory, as time.Parse does.
func parseRFC3339(b []byte) (int64, bool) {
	if len(b) < len("2006-01-02T15:04:05Z") || b[4] != '-' || b[7] != '-' || b[10] != 'T' {
		return 0, false
	}
	at, ok := unix(digits(b[:4]), digits(b[5:7]), digits(b[8:10]), b[11:19])
	if !ok {
		return 0, false
	}
	zone := b[19:]
	if zone[0] == '.' {
		for zone = zone[1:]; len(zone) > 0 && isDigit(zone[0]); {
			zone = zone[1:]
		}
	}
	if len(zone) == 1 && zone[0] == 'Z' {
		return at, true
	}
	if len(zone) != 6 || zone[3] != ':' {
		return 0, false
	}
	return west(at, zone[0], digits(zone[1:3]), digits(zone[4:6]))
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// parseCommonTime is a time such as 21/Nov/2026:20:54:08 +0000.
func parseCommonTime(b []byte) (int64, bool) {
	if len(b) != len("02/Jan/2006:15:04:05 -0700") || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[20] != ' ' {
		return 0, false
	}
	month := bytes.Index([]byte(months), b[3:6])
	if month%3 != 0 {
		return 0, false
	}
	at, ok := unix(digits(b[7:11]), month/3+1, digits(b[:2]), b[12:20])
	if !ok {
		return 0, false
	}
	return west(at, b[21], digits(b[22:24]), digits(b[24:26]))
}

// unix is a date and a clock such as 20:54:08, in seconds since 1970.
func unix(year, month, day int, clock []byte) (int64, bool) {
	hour, minute, second := digits(clock[:2]), digits(clock[3:5]), digits(clock[6:8])
	if clock[2] != ':' || clock[5] != ':' || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix(), true
}

// west takes a zone's distance to UTC off.
func west(at int64, sign byte, hours, minutes int) (int64, bool) {
	off := int64(hours*3600 + minutes*60)
	switch {
	case hours < 0 || hours > 23 || minutes < 0 || minutes > 59:
		return 0, false
	case sign == '+':
		return at - off, true
	case sign == '-':
		return at + off, true
	}
	return 0, false
}

// digits is the number that all of the bytes write, below zero where they do not.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
