import { defineConfig } from 'prisma/config'

const onMysql = /^(mysql|mariadb):/.test(process.env['DATABASE_URL'] ?? '')

export default defineConfig({ schema: onMysql ? 'prisma/mysql.prisma' : 'prisma/schema.prisma' })
