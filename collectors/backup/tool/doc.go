// Package tool asks backup tools such as pgBackRest and Barman, which hang, print noise, and say
// more than anybody should see.
//
//	command -> Run (deadline, bounded, killed with its children) -> Decode (JSON among noise)
//	file    -> Answer                                            /
package tool
