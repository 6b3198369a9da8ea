// Package naming tells by the name of a file whose backup it is and when it was made.
//
//	template or expression -> New -> Prepare (tenants) -> Whose(name) -> tenant, date's text -> Date
package naming
