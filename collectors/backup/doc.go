// Package backup tells, for each tenant and each place where its backups are kept, whether they
// are there, can be restored, and how much would be lost now; and when a restore was last
// rehearsed. Whatever the tool, the series are the same.
//
//	Config -> New -> Place -> reader (pgbackrest, barman, walg, dumps, filestore, cnpg, velero) -> Reading
//	Reading -> judge -> samples, findings of the place
//	Reading -> Memory -> other places (second copies), Protection
//	Memory + Rehearsals + Terms of the tier -> Protection -> samples, findings of each tenant
//
// A reader lists (bounded), decodes what a tool says or shows as metrics, or looks at heads and ends
// of files; none reads a backup whole, and none writes. Places are visited on a slow interval of their
// own. What is exported are moments, so that ages grow by the clock while a place cannot be read.
// What a tool does not say is not said: metrics tell neither sizes nor how many backups there are.
//
// Package archive looks into one file, package files shows folders and buckets alike, package
// naming tells whose a file is, package tool asks programs, package pages reads what tools show to
// Prometheus, package rehearse restores.
package backup
