"""The chapter's job: one client of ElectricityLoadDiagrams20112014, two steps of 15 minutes ahead."""

from wattcast.chapter.job import Job as Job
from wattcast.chapter.job import Result as Result
from wattcast.chapter.job import read_job as read_job
from wattcast.chapter.printed import as_printed as as_printed
from wattcast.chapter.recipe import own_recipe as own_recipe
