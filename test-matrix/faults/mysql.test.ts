import { faultsOn } from './mysql-faults.js'

faultsOn('mysql')
