// Package tally counts calls: how many there were over the last hour, day or week, how many failed and how long they
// took, in all and of each Server, tool and Client.
//
// It keeps counts in memory and brings them up to date when it is asked, with the records that the store has got since
// it was asked last. Three other ways were there. Reading the records for each answer costs 2 ms for every thousand of
// them, and a dashboard that is open asks twice a second. Counting each call as it is made is work, and a lock, where
// nobody may be looking: most of the time nobody is. And counts in tables of the database would be written with every
// batch of records. Here who does not look pays nothing, who looks pays for a week of records once (0.2 s for 100,000)
// and afterwards for what is new; and there is nothing to seed, to flush or to lose, since the record is the only truth.
//
// The flow: Summary reads what is new (EachActivity), add puts each call into a slot of each window, and the answer is
// the sum of a window's slots.
package tally
